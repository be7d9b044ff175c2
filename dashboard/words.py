"""Words for numbers and times, as a person reads them. Pure; times are UTC and say so."""

from __future__ import annotations

from datetime import UTC, datetime

CAP = 10_000
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def count(number: int) -> str:
    """Write a whole number with its thousands apart."""
    return f"{number:,}"


def capped(number: int) -> str:
    """Write a number that was counted no further than one over CAP."""
    return f"{CAP // 1000}k+" if number > CAP else count(number)


def plural(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun: "1 task", "2 tasks"."""
    return f"{capped(number)} {one if number == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """Write a duration with the precision that its length deserves: "40 ms", "3.4 s", "1 min 42 s", "6 h 12 min"."""
    seconds = max(0.0, seconds)
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.001 else "0 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < 10 * _MINUTE:
        return _two(whole, _MINUTE, "min", 1, "s")
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < 2 * _DAY:
        return _two(whole, _HOUR, "h", _MINUTE, "min")
    return f"{whole // _DAY} days"


def age(seconds: float) -> str:
    """Write a duration in one unit, for columns where many stand below each other: "44 s", "2 min", "3 h"."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < 2 * _DAY:
        return f"{whole // _HOUR} h"
    return f"{whole // _DAY} days"


def between(start: datetime, end: datetime) -> float:
    """Return the seconds from one time to another, none where the clocks of two machines disagree."""
    return max(0.0, (end - start).total_seconds())


def moment(at: datetime) -> str:
    """Write a time in full: "Tue 24 Nov 2026 19:24:50 UTC"."""
    return at.astimezone(UTC).strftime("%a %d %b %Y %H:%M:%S UTC")


def clock(at: datetime, now: datetime) -> str:
    """Write a time to the millisecond, with its date unless that is today's."""
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    time = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"
    if at.date() == now.date():
        return time
    return f"{at:%d %b} {time}" if at.year == now.year else f"{at:%d %b %Y} {time}"


def _two(whole: int, big: int, big_word: str, small: int, small_word: str) -> str:
    first, rest = divmod(whole, big)
    second = rest // small
    return f"{first} {big_word} {second} {small_word}" if second else f"{first} {big_word}"
