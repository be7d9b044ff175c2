"""Messages: what a client may say. Anything else is refused before it has any effect."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.live.closing import Close, Refusal

MOST_BYTES = 16 * 1024
MOST_ROWS = 200
WATCH_COSTS = 4  # as many messages: for it the login is read
_LONGEST = 4000  # characters of a path or a token


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What a tab wants to be told of from now on, in place of what it wanted before.

    `page` is the path of a page with regions; `list` that of a list of tasks, whose first line is the task `first`;
    `rows` are ids of tasks that stand in it; `language` is that of the page. A visitor has a `token` and nothing else.
    """

    page: str = ""
    list: str = ""
    first: int = 0
    rows: tuple[int, ...] = ()
    language: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Ack:
    """The client has shown frame number `n`."""

    n: int


def read(text: str | None) -> Watch | Ack:
    """Read one message.

    Raises:
        Refusal: it is too large, or none of ours.
    """
    if text is None:
        raise Refusal(Close.MALFORMED, "Messages are text.")
    if len(text) > MOST_BYTES:
        raise Refusal(Close.TOO_LARGE, f"A message has at most {MOST_BYTES} bytes.")
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        raise Refusal(Close.MALFORMED, "Messages are JSON.") from None
    if not isinstance(said, dict):
        raise Refusal(Close.MALFORMED, "A message is an object.")
    match said.pop("type", None):
        case "watch":
            return watch_of(said)
        case "ack" if set(said) == {"n"} and _is_id(said["n"]):
            return Ack(said["n"])
    raise Refusal(Close.MALFORMED, "A message is a watch or an ack.")


def watch_of(said: Mapping[str, Any]) -> Watch:
    """Check what a client wants to watch.

    Raises:
        Refusal: a key that we do not know, or a value that it cannot have.
    """
    kinds = {
        "page": _is_text,
        "list": _is_text,
        "language": _is_text,
        "token": _is_text,
        "first": _is_id,
        "rows": _are_ids,
    }
    for key, value in said.items():
        if key not in kinds or not kinds[key](value):
            raise Refusal(Close.MALFORMED, f"What to watch is not understood at {key[:40]!r}.")
    return Watch(**{**said, "rows": tuple(said.get("rows", ()))})


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST


def _is_id(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _are_ids(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MOST_ROWS and all(map(_is_id, value))


class Allowance:
    """How many messages a client may send: so many at once, and so many a second after that."""

    def __init__(self, at_once: int = 30, a_second: float = 10.0) -> None:
        self._most, self._rate = at_once, a_second
        self._left, self._at = float(at_once), time.monotonic()

    def spend(self, cost: int = 1) -> None:
        """Count a message, or what costs as much as several.

        Raises:
            Refusal: it is one too many.
        """
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._rate) - cost
        self._at = now
        if self._left < 0:
            raise Refusal(Close.TOO_MANY, f"More than {self._rate:g} messages a second.")
