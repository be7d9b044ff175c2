"""Let a visitor look at one task: signed, because task ids are not secrets; it only views."""

from dataclasses import dataclass

from django.core import signing

SALT = "taskhub.demo.progress"
MAX_AGE_S = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Ticket:
    """Which task a visitor may look at, and what the page calls it ("Your import")."""

    task_id: str
    title: str


def sign(ticket: Ticket) -> str:
    """Return the token for a URL."""
    return signing.dumps([ticket.task_id, ticket.title], salt=SALT)


def read(token: str) -> Ticket | None:
    """Return what was signed, or None for a token that is forged, damaged or older than a week."""
    try:
        task_id, title = signing.loads(token, salt=SALT, max_age=MAX_AGE_S)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return Ticket(str(task_id), str(title))
