"""Timing: the times of a schedule, worked out without a database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice

from django.utils import timezone as django_timezone

from taskhub import cron
from taskhub.errors import ScheduleError
from taskhub.zones import zone_of

LONGEST = 3660 * 86_400  # seconds of an interval: ten years
_FIRST_YEAR, _LAST_YEAR = (
    1900,
    9998,
)  # the calendar has room on both sides, on the clock of each zone
_TICK = timedelta(microseconds=1)
_FIRST_WINDOW, _WIDER = timedelta(minutes=1), 8
_UNITS = (("week", 604_800), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


class Kind(StrEnum):
    """How a schedule repeats."""

    INTERVAL = "interval"
    CRON = "cron"
    ONCE = "once"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When a schedule is due. Times are aware; all but those of `cron` are instants, whatever the zone.

    An interval counts elapsed seconds from `anchor_at` and so does not drift. Nothing is due before `start_at` or after
    `end_at`.
    """

    kind: Kind
    every: int | None = None
    cron: str = ""
    at: datetime | None = None
    timezone: str = "UTC"
    start_at: datetime | None = None
    end_at: datetime | None = None
    anchor_at: datetime = datetime(2000, 1, 1, tzinfo=UTC)

    def check(self) -> None:
        """Refuse what cannot be kept.

        Raises:
            ScheduleError: names the value and what was expected.
        """
        for name in ("timezone", "cron"):
            _check_text(name, getattr(self, name))
        zone_of(self.timezone)
        for name in ("start_at", "end_at", "at"):
            _check_aware(name, getattr(self, name))
        if self.start_at and self.end_at and self.end_at < self.start_at:
            raise ScheduleError(
                f"end_at={self.end_at.isoformat()} lies before start_at={self.start_at.isoformat()}.",
                field="end_at",
            )
        if self.kind == Kind.INTERVAL:
            _check_interval(self.every)
        elif self.kind == Kind.CRON:
            cron.parse(self.cron)
        elif self.at is None:
            raise ScheduleError(
                "at=None: a schedule that runs once needs an aware datetime.", field="at"
            )

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the times after `moment` at which it is due, in their order, as aware UTC."""
        if self.start_at is not None:
            moment = max(moment, self.start_at - _TICK)
        for due in self._after(moment):
            if self.end_at is not None and due > self.end_at:
                return
            yield due

    def next(self, moment: datetime) -> datetime | None:
        """Return the first time after `moment`; None where there is none any more."""
        return next(self.after(moment), None)

    def newest(self, since: datetime, until: datetime, most: int) -> tuple[list[datetime], bool]:
        """Return the last `most` times from `since` to `until`, both included; and whether those are all.

        It looks back from `until`, further and further, so that a year of missed seconds costs no more than a minute.
        """
        window = _FIRST_WINDOW
        while True:
            start = max(since, until - window)
            times = self._from_to(start, until)
            found = list(islice(times, most + 1))
            if len(found) > most:
                found = [*found, *times][-most:]
                return found, False
            if start == since:
                return found, True
            window *= _WIDER

    def _from_to(self, since: datetime, until: datetime) -> Iterator[datetime]:
        for due in self.after(since - _TICK):
            if due > until:
                return
            yield due

    def _after(self, moment: datetime) -> Iterator[datetime]:
        if self.kind == Kind.CRON:
            yield from cron.parse(self.cron).after(moment, zone_of(self.timezone))
        elif self.kind == Kind.INTERVAL:
            yield from self._multiples(moment)
        elif self.at is not None and self.at > moment:
            yield self.at.astimezone(UTC)

    def _multiples(self, moment: datetime) -> Iterator[datetime]:
        anchor = (self.start_at or self.anchor_at).astimezone(UTC).replace(microsecond=0)
        step = timedelta(seconds=self.every or LONGEST)
        number = (moment - anchor) // step + 1
        while True:
            try:
                yield anchor + number * step
            except OverflowError:
                return
            number += 1

    @property
    def words(self) -> str:
        """What it means, in English."""
        if self.kind == Kind.CRON:
            return cron.parse(self.cron).words
        if self.kind == Kind.INTERVAL:
            return f"Every {_interval_in_words(self.every or LONGEST)}"
        local = self.at.astimezone(zone_of(self.timezone)) if self.at else None
        return f"Once, on {local:%Y-%m-%d at %H:%M:%S}" if local else "Once"


def _check_interval(every: object) -> None:
    is_whole = isinstance(every, int) and not isinstance(every, bool)
    if not is_whole or not 1 <= every <= LONGEST:  # type: ignore[operator]
        raise ScheduleError(
            f"every={every!r:.100}: expected a whole number of seconds from 1 to {LONGEST} (ten years).",
            field="every",
        )


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise ScheduleError(f"{name}={value!r:.100}: expected a text.", field=name)


def _check_aware(name: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, datetime) or django_timezone.is_naive(value):
        raise ScheduleError(
            f"{name}={value!r:.100}: expected an aware datetime, such as django.utils.timezone.now(), or None.",
            field=name,
        )
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise ScheduleError(
            f"{name}={value.isoformat()}: expected a time of the years {_FIRST_YEAR} to {_LAST_YEAR}.",
            field=name,
        )


def _interval_in_words(seconds: int) -> str:
    unit, size = next((unit, size) for unit, size in _UNITS if seconds % size == 0)
    count = seconds // size
    return unit if count == 1 else f"{count} {unit}s"
