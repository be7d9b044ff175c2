"""Zones: which instants a wall clock shows, and when it is put forward or back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from taskhub.errors import ScheduleError

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A wall clock is put forward (a gap) or back (a fold): at the instant `at` it shows `after` instead of `before`.

    `before` and `after` are naive: what the clock would have shown then, and what it shows.
    """

    at: datetime
    before: datetime
    after: datetime

    @property
    def is_gap(self) -> bool:
        return self.after > self.before

    @property
    def walls(self) -> tuple[datetime, datetime]:
        """The times that the clock never shows, or shows twice: from the first to before the second."""
        return min(self.before, self.after), max(self.before, self.after)


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    Raises:
        ScheduleError: there is none of this name; says which ones are close.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError) as error:
        close = get_close_matches(str(name), sorted(available_timezones()), n=2, cutoff=0.6)
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise ScheduleError(
            f"timezone={name!r} is not a time zone; expected an IANA name such as 'Europe/Berlin' or 'UTC'.{hint}",
            field="timezone",
        ) from error


def wall(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return what the wall clock shows at an instant, naive."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def instants(wall_time: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the instants (UTC) at which the clock shows this: one, none in a gap, two in a fold."""
    both = {
        wall_time.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)
    }  # in a gap neither is right
    return sorted(instant for instant in both if wall(instant, zone) == wall_time)


def change_over(wall_time: datetime, zone: ZoneInfo) -> ClockChange:
    """Return the change that leaves out a wall time which the clock does not show."""
    late, early = (wall_time.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return _change(early, late, zone)


def fold_ahead(instant: datetime, zone: ZoneInfo) -> ClockChange | None:
    """Return the change that puts the clock back within a day after an instant."""
    return _fold_between(instant, instant + _DAY, zone)


def fold_behind(instant: datetime, zone: ZoneInfo) -> ClockChange | None:
    """Return the change whose walls are shown for the second time at an instant."""
    if not instant.astimezone(zone).fold:
        return None
    return _fold_between(instant - _DAY, instant, zone)


def changes(zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[ClockChange]:
    """Yield the changes between two instants, in their order; two within a day may be taken for one."""
    low = since
    while low < until:
        high = min(low + _DAY, until)
        if _offset(low, zone) != _offset(high, zone):
            yield _change(low, high, zone)
        low = high


def _fold_between(low: datetime, high: datetime, zone: ZoneInfo) -> ClockChange | None:
    return _change(low, high, zone) if _offset(high, zone) < _offset(low, zone) else None


def _change(low: datetime, high: datetime, zone: ZoneInfo) -> ClockChange:
    """Find the first second after `low` that has the offset of `high`."""
    before, after = _offset(low, zone), _offset(high, zone)
    low, high = low.astimezone(UTC).replace(microsecond=0), high.astimezone(UTC)
    seconds = int((high - low) / _SECOND) + 1
    first = 0
    while seconds - first > 1:
        middle = (first + seconds) // 2
        if _offset(low + middle * _SECOND, zone) == before:
            first = middle
        else:
            seconds = middle
    at = low + seconds * _SECOND
    naive = at.replace(tzinfo=None)
    return ClockChange(at, naive + before, naive + after)


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta(0)
