"""Tokens: the right to look at one task, signed by the site and good for a time. A token only views."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.core import signing

from dashboard.live.closing import Close, Refusal
from dashboard.live.topics import Visit

SALT = "taskhub.progress"
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows; `expires_at` is in seconds since 1970."""

    topic: Visit
    expires_at: float


def token_of(visit: Visit, *, expires_in: float = DAY) -> str:
    """Sign a token that is good for so many seconds."""
    until = int(time.time() + expires_in)
    said = [visit.task_id, visit.title, visit.with_result, visit.language, until]
    return signing.dumps(said, salt=SALT, compress=True)


def visit_of(token: str) -> Grant:
    """Read a token.

    Raises:
        Refusal: it is not one of ours, or it has expired.
    """
    try:
        task_id, title, with_result, language, expires_at = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise Refusal(Close.FORBIDDEN, "The token is not valid.") from None
    if expires_at < time.time():
        raise Refusal(Close.SIGNED_OUT, "The token has expired.")
    visit = Visit(int(task_id), str(title), bool(with_result), str(language))
    return Grant(visit, float(expires_at))
