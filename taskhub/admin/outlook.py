"""Outlook: what a schedule means in words, its next times, and the nights on which the clock changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.utils import timezone
from django.utils.dateformat import format as date_format
from django.utils.translation import gettext

from taskhub import cron
from taskhub.engines import get_engine
from taskhub.errors import ScheduleError
from taskhub.schedules import clock_changes, next_runs
from taskhub.timing import Timing
from taskhub.zones import ClockChange, zone_of

SHOWN = 10  # times
_CHANGES = 4


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as the schedule's clock shows it, and for the viewer's."""

    at: datetime
    shown: str

    @property
    def iso(self) -> str:
        return self.at.isoformat()

    @property
    def here(self) -> str:
        """As the server shows times; the browser puts its own clock's in its place."""
        return _shown(self.at, timezone.get_current_timezone())


@dataclass(frozen=True, slots=True)
class Outlook:
    """What comes."""

    words: str = ""
    zone: str = ""
    moments: tuple[Moment, ...] = ()
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "words": self.words,
            "zone": self.zone,
            "next": [
                {"iso": one.iso, "shown": one.shown, "here": one.here} for one in self.moments
            ],
            "warnings": list(self.warnings),
        }


def outlook(timing: Timing) -> Outlook:
    """Return what comes of a timing; nothing where it cannot be kept."""
    try:
        timing.check()
        zone, now = zone_of(timing.timezone), get_engine().now()
        moments = [Moment(at, _shown(at, zone)) for at in next_runs(timing, SHOWN, now)]
        warnings = tuple(islice(_warnings(timing, now), _CHANGES))
        return Outlook(timing.words, timing.timezone, tuple(moments), warnings)
    except ScheduleError:
        return Outlook()


def _warnings(timing: Timing, now: datetime) -> Iterator[str]:
    for change in clock_changes(timing, now):
        day = date_format(change.before, "l, d F Y")
        yield f"{day}: {_what_happens(change, cron.parse(timing.cron))}"


def _what_happens(change: ClockChange, expression: cron.Expression) -> str:
    if change.is_gap and expression.is_every_hour:
        told = gettext(
            "the clock skips %(first)s to %(end)s; what falls into it is left out, for no hour passes."
        )
    elif change.is_gap:
        told = gettext(
            "the clock skips %(first)s to %(end)s; what falls into it runs once, at %(end)s."
        )
    elif expression.is_every_hour:
        told = gettext(
            "the clock shows %(first)s to %(end)s twice; it runs in both, for an hour passes in between."
        )
    else:
        told = gettext("the clock shows %(first)s to %(end)s twice; it runs the first time only.")
    first, end = (f"{one:%H:%M}" for one in change.walls)
    return told % {"first": first, "end": end}


def _shown(at: datetime, zone: Any) -> str:
    local = at.astimezone(zone)
    return f"{date_format(local, 'D')} {local:%Y-%m-%d %H:%M:%S %Z}"
