"""Spans: how far back a search looks: "2h", "30m", "3d", or a day."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_SPAN = re.compile(r"(\d{1,4})(m|h|d)")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def parse(text: str) -> timedelta | datetime | None:
    """Read a span or a day of UTC since 1970; None where it is neither: nothing was enqueued before."""
    if found := _SPAN.fullmatch(text):
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    if _DAY.fullmatch(text):
        try:
            day = datetime.fromisoformat(text).replace(tzinfo=UTC)
        except ValueError:
            return None
        return day if day >= _FIRST else None
    return None


def begin(text: str, now: datetime) -> datetime | None:
    """Return when a span that ends now begins."""
    found = parse(text)
    return now - found if isinstance(found, timedelta) else found


def guess(text: str) -> str:
    """Return the span that was probably meant, or ""; of a day that there is not, nothing can be told."""
    if _DAY.fullmatch(text):
        return ""
    found = re.match(r"\D*(\d{1,4})\s*(m|h|d|w)?", text.lower())
    if not found:
        return ""
    number, unit = int(found[1]), found[2] or "h"
    return f"{number * 7}d" if unit == "w" else f"{number}{unit}"
