"""Cron: what an expression means, and when the clock of a time zone shows it. The only importer of croniter.

A day on which the clock is put forward or back is where schedulers fire twice or not at all. Ours goes by two rules:
- An entry that names hours (`30 2 * * *`, `0 9-17 * * *`, `0 */6 * * *`) means times of the wall clock, and each has
  its turn once a day: where the clock shows it twice, the first time; where it is skipped, at the first instant after.
- An entry of every hour (`*` in the field of hours, or all 24 of them) means real time: it runs whenever the clock
  shows a minute of it, also the second time, and not when the clock does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from croniter import croniter
from croniter.croniter import CroniterBadDateError, CroniterError

from taskhub import cron_fields, cron_words
from taskhub.errors import ScheduleError
from taskhub.zones import ClockChange, change_over, fold_ahead, fold_behind, instants, wall

EXPECTED = (
    "five fields (minute hour day month weekday), six with seconds first, or one of "
    "@hourly, @daily, @weekly, @monthly, @yearly"
)
MAX_LENGTH = 200

_SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_YEARS = 40  # the fifth Monday of a February, the rarest there is, comes after 28 or 40 years
_HOUR_FIELD, _HOURS = 1, 24
_WEEKDAY_FIELD = 4
_BY_CHANCE = re.compile(r"\b[hr]\b", re.IGNORECASE)  # croniter's hashed and random fields
_ZERO = re.compile(
    r"(^|[,-])0+([,/-]|$)"
)  # as a day or a month, which croniter takes for the first
_SECOND = timedelta(seconds=1)
_SOME_DAY = datetime(2024, 1, 1)  # noqa: DTZ001  # of no zone: only whether there is a match at all


@dataclass(frozen=True, slots=True)
class Expression:
    """A cron expression that can come true; `fields` is its text with shorthands written out."""

    fields: str
    is_every_hour: bool

    def after(self, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Yield the instants after `moment` at which it runs on the clock of a zone, in their order, as aware UTC."""
        walls = _Walls(self.fields)
        step = _by_real_time if self.is_every_hour else _by_wall_clock
        try:
            while True:
                moment = step(walls, moment, zone)
                yield moment
        except (
            CroniterBadDateError,
            OverflowError,
            ValueError,
        ):  # the calendar ends with the year 9999
            return

    def is_touched_by(self, change: ClockChange) -> bool:
        """Tell whether it has a time among those that a change of the clock leaves out or repeats."""
        first, end = change.walls
        try:
            return _Walls(self.fields).after(first - _SECOND) < end
        except CroniterBadDateError:
            return False

    @property
    def words(self) -> str:
        """What it means, in English."""
        return _words_of(self.fields)


@lru_cache(maxsize=1024)  # a page of schedules says it of each, each time
def _words_of(fields: str) -> str:
    return cron_words.words_of(fields.split(), _Walls(fields).weekdays)


@lru_cache(maxsize=1024)
def parse(text: str) -> Expression:
    """Read an expression of five or six fields (seconds first), with names, or a shorthand such as `@daily`.

    Raises:
        ScheduleError: it is none, or no date fits it (`0 0 30 2 *`).
    """
    where = f"The cron expression {text!r:.100}"
    fields = " ".join(_SHORTHANDS.get(text.strip().lower(), text).split())
    if fields.startswith("@"):
        known = ", ".join(_SHORTHANDS)
        raise _bad(f"{where} is no shorthand; expected one of {known}.")
    if len(text) > MAX_LENGTH or not fields.isascii():
        raise _bad(f"{where} is too long or not plain text; expected {EXPECTED}.")
    count = len(fields.split())
    if count not in (5, 6):
        raise _bad(f"{where} has {count} fields; expected {EXPECTED}.")
    if _BY_CHANCE.search(fields):
        raise _bad(f"{where} leaves a field to chance (H or R); expected {EXPECTED}.")
    if any(_ZERO.search(field) for field in fields.split()[count - 3 : count - 1]):
        raise _bad(f"{where} names a day or month 0; they count from 1. Expected {EXPECTED}.")
    if problem := cron_fields.problem_of(fields.split()):
        raise _bad(f"{where} {problem}")
    fields = cron_fields.written_out(fields.split())
    try:
        walls = _Walls(fields)
        walls.after(_SOME_DAY)
    except CroniterBadDateError as error:
        raise _bad(
            f"{where} never comes true: no date fits it within {_YEARS} years. Look at its day and month."
        ) from error
    except (CroniterError, ValueError, TypeError, LookupError) as error:
        raise _bad(f"{where} cannot be read: {error}. Expected {EXPECTED}.") from error
    return Expression(fields, walls.is_every_hour)


def _bad(message: str) -> ScheduleError:
    return ScheduleError(message, field="cron")


class _Walls:
    """The times of a wall clock that fit an expression, without a zone."""

    def __init__(self, fields: str) -> None:
        has_seconds = len(fields.split()) == 6
        self._iterator = croniter(
            fields,
            _SOME_DAY,
            second_at_beginning=has_seconds,
            max_years_between_matches=_YEARS,
        )

    @property
    def is_every_hour(self) -> bool:
        hours = self._iterator.expanded[_HOUR_FIELD]
        return hours == ["*"] or len(set(hours)) == _HOURS

    @property
    def weekdays(self) -> list[object]:
        return list(self._iterator.expanded[_WEEKDAY_FIELD])

    def after(self, wall_time: datetime) -> datetime:
        start = wall_time.replace(microsecond=0)
        found: datetime = self._iterator.get_next(datetime, start_time=start)
        return found


def _by_wall_clock(walls: _Walls, moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the next instant of an entry that names hours."""
    fold = fold_behind(moment, zone)
    at = fold.before - _SECOND if fold else wall(moment, zone)  # repeated times have had their turn
    while True:
        at = walls.after(at)
        found = instants(at, zone)
        instant = found[0] if found else change_over(at, zone).at
        if instant > moment:
            return instant


def _by_real_time(walls: _Walls, moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the next instant of an entry of every hour."""
    at = wall(moment, zone)
    if fold := fold_ahead(moment, zone):
        found = walls.after(at)
        if found < fold.before:
            return fold.at - (fold.before - found)
        at = fold.after - _SECOND
    while True:
        at = walls.after(at)
        for instant in instants(at, zone):
            if instant > moment:
                return instant
        if not instants(at, zone):
            at = change_over(at, zone).after - _SECOND
