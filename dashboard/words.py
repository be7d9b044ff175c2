"""Words for numbers, times and states, as a person reads them in the language of the page; times are UTC and say so."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from django.utils.dates import MONTHS_3, WEEKDAYS_ABBR
from django.utils.formats import get_format
from django.utils.translation import get_language, gettext, gettext_noop, pgettext_lazy

CAP = 10_000
UNITS = {
    "ms": gettext_noop("%(n)s ms"),
    "s": gettext_noop("%(n)s s"),
    "min": gettext_noop("%(n)s min"),
    "h": gettext_noop("%(n)s h"),
    "days": gettext_noop("%(n)s days"),
}
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_STATES = {
    "pending": pgettext_lazy("state of a task", "pending"),
    "queued": pgettext_lazy("state of a task", "queued"),
    "running": pgettext_lazy("state of a task", "running"),
    "succeeded": pgettext_lazy("state of a task", "succeeded"),
    "failed": pgettext_lazy("state of a task", "failed"),
    "retrying": pgettext_lazy("state of a task", "retrying"),
    "cancelled": pgettext_lazy("state of a task", "cancelled"),
    "expired": pgettext_lazy("state of a task", "expired"),
    "paused": pgettext_lazy("state of a queue", "paused"),
}


class Calendar(NamedTuple):
    """Names, the days from Monday on."""

    days: tuple[str, ...]
    months: tuple[str, ...]


def state(name: str) -> str:
    """Return the word for a state that the database has."""
    return str(_STATES.get(name, name))


def count(number: int) -> str:
    """Write a whole number with its thousands apart."""
    return localized(f"{number:,}")


def capped(number: int, most: int | None = None) -> str:
    """Write a number that was counted no further than one over `most`, or CAP: "10k+"."""
    most = most or CAP
    return _and_more(most) if number > most else count(number)


def at_least(numbers: Iterable[int], most: int | None = None) -> str:
    """Write the sum of numbers of which each was counted no further than one over `most`, or CAP."""
    found, most = list(numbers), most or CAP
    total = sum(min(number, most) for number in found)
    return _and_more(total) if max(found, default=0) > most else count(total)


def _and_more(number: int) -> str:
    return f"{number // 1000}k+" if number >= 1000 else f"{number}+"


def recorded(number: int, noun: str) -> str:
    """Write a number with its noun for what is stored, which is English whoever acts: "1 task", "2 tasks"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Write a duration with the precision that its length deserves: "<1 ms", "3.4 s", "1 min 42 s", "6 h 12 min"."""
    seconds = max(0.0, seconds)
    if not seconds:
        return _in("s", 0)
    if seconds < 0.1:
        return _in("ms", f"{seconds * 1000:.0f}" if seconds >= 0.001 else "<1")
    if seconds < 9.95:
        return _in("s", localized(f"{seconds:.1f}"))
    whole = round(seconds)
    if whole < _MINUTE:
        return _in("s", whole)
    if whole < 10 * _MINUTE:
        return _two(whole, _MINUTE, "min", 1, "s")
    if whole < _HOUR:
        return _in("min", whole // _MINUTE)
    if whole < 2 * _DAY:
        return _two(whole, _HOUR, "h", _MINUTE, "min")
    return _in("days", whole // _DAY)


def age(seconds: float) -> str:
    """Write a duration in one unit, for columns where many stand below each other: "44 s", "2 min", "3 h"."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return _in("s", whole)
    if whole < _HOUR:
        return _in("min", whole // _MINUTE)
    if whole < 2 * _DAY:
        return _in("h", whole // _HOUR)
    return _in("days", whole // _DAY)


def between(start: datetime, end: datetime) -> float:
    """Return the seconds from one time to another, none where the clocks of two machines disagree."""
    return max(0.0, (end - start).total_seconds())


def moment(at: datetime) -> str:
    """Write a time in full: "Tue 24 Nov 2026 19:24:50 UTC"."""
    at = at.astimezone(UTC)
    day = calendar(get_language()).days[at.weekday()]
    return f"{day} {_date(at)} {at:%Y %H:%M:%S} UTC"


def minute(at: datetime) -> str:
    """Write a time of today, or of tomorrow, to the minute: "20:00"."""
    return f"{at.astimezone(UTC):%H:%M}"


def megabytes(size: int) -> str:
    """Write a size in memory: "198 MB"."""
    return f"{count(round(size / (1 << 20)))} MB"


def a_minute(rate: float) -> str:
    """Write a rate: whole from ten on, else with one digit after the point; "0" for none."""
    if rate >= 9.95 or not rate:
        return count(round(rate))
    return localized(f"{max(rate, 0.1):.1f}")


def clock(at: datetime, now: datetime) -> str:
    """Write a time to the millisecond, with its date unless that is today's."""
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    time = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"
    if at.date() == now.date():
        return time
    return f"{_date(at)} {time}" if at.year == now.year else f"{_date(at)} {at:%Y} {time}"


@lru_cache(maxsize=64)
def calendar(language: str | None) -> Calendar:
    """Return the short names of days and months in the active language: pages have hundreds of dates."""
    days = tuple(str(WEEKDAYS_ABBR[number]) for number in range(7))
    return Calendar(days, tuple(str(MONTHS_3[number]).title() for number in range(1, 13)))


def localized(number: str) -> str:
    """Put the separators of the reader's language into a number as English writes it."""
    if number.isdigit():  # most are, and charts have hundreds
        return number
    thousands, decimals = get_format("THOUSAND_SEPARATOR"), get_format("DECIMAL_SEPARATOR")
    if (thousands, decimals) == (",", "."):
        return number
    return number.translate({ord(","): thousands, ord("."): decimals})


def _date(at: datetime) -> str:
    return f"{at:%d} {calendar(get_language()).months[at.month - 1]}"


def _in(unit: str, number: object) -> str:
    return gettext(UNITS[unit]) % {"n": number}


def _two(whole: int, big: int, big_unit: str, small: int, small_unit: str) -> str:
    first, rest = divmod(whole, big)
    second = rest // small
    return f"{_in(big_unit, first)} {_in(small_unit, second)}" if second else _in(big_unit, first)
