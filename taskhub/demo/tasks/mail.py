"""Send mail the way a site does it: through Django's e-mail backend."""

from typing import TypedDict

from django.core.mail import EmailMessage

from taskhub import task
from taskhub.demo.tasks.reports import summary_lines


class Sent(TypedDict):
    """How many messages the e-mail backend took, and for whom."""

    sent: int
    to: str


@task(
    name="demo.send_mail",
    queue_name="mail",
    priority=10,
    timeout=30,
    max_retries=5,
    retry_delay=2,
    retry_backoff=2.0,
    retry_jitter=0.1,
    tags=["demo", "mail"],
)
def send_mail(to: str, subject: str = "Orders per country") -> Sent:
    """Send the totals per country to one address.

    The demo site's backend writes a file per message. Mail cannot be taken back: when a worker dies
    between sending and recording, the message goes out again (at least once).
    """
    body = "\n".join(["Hello,", "", "these are the orders so far:", "", *summary_lines()])
    return {"sent": EmailMessage(subject, body, to=[to]).send(), "to": to}
