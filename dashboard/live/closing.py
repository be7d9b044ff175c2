"""Closing: the codes with which a socket is closed, and what leads to them. They are part of docs/dashboard.md."""

from __future__ import annotations

from enum import IntEnum


class Close(IntEnum):
    """Why a socket was closed, in the range that websockets leave to applications."""

    MALFORMED = 4400  # a message that is none of ours
    SIGNED_OUT = 4401  # there is no login, or it has ended; a visitor's token has expired
    FORBIDDEN = 4403  # the account may not see this
    UNKNOWN = 4404  # there is no such page, or it is not a live one
    IDLE = 4408  # nothing was asked for, or what was sent has not been acknowledged
    TOO_LARGE = 4413  # a message over the limit
    TOO_MANY = 4429  # messages faster than the limit
    UNREADY = 4503  # the database does not say who this is


class Refusal(Exception):
    """Ends a socket with a code and a reason that may be shown."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason
