"""Submit a task by its name and wait for its answer: the specification's simple_worker."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.core.mail import EmailMessage

from taskhub import send, task

if TYPE_CHECKING:
    from taskhub.context import TaskContext
    from taskhub.results import AsyncResult


@task(
    name="example.email.send",
    queue_name="mail",
    takes_context=True,
    timeout=30,
    tags=["example"],
)
def send_email(context: "TaskContext", to: str, subject: str) -> dict[str, str]:
    """Send one message, with progress."""
    context.update_progress(0.5, "Sending e-mail")
    EmailMessage(subject, "This is the example of a simple worker.", to=[to]).send()
    context.update_progress(1.0, "Done")
    return {"status": "sent"}


def main(say: Callable[[str], object] = print, timeout: float | None = 30) -> "list[AsyncResult]":
    """Submit one message; with a timeout, wait that many seconds for a worker to send it."""
    result = send("example.email.send", {"to": "user@example.com", "subject": "Hello!"})
    say(f"Submitted task {result.id}, {result.state}")
    if timeout is not None:
        say(f"E-mail sent: {result.get(timeout=timeout)['status']}")
    return [result]
