"""Proposal: a schedule of another package as ours, with what is lost on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from taskhub.engines import get_engine
from taskhub.errors import ScheduleError
from taskhub.models import Schedule
from taskhub.schedules.checking import check
from taskhub.schedules.editing import save

# What a row may hold that nobody foresaw: a text for a number, a time before all times, nested without end.
_DAMAGES = (
    ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError,
)  # fmt: skip
_LONGEST = 500  # characters


class NotCarried(Exception):
    """It has no counterpart here; the message says why, and what to do instead."""


@dataclass(slots=True)
class Proposal:
    """One schedule of another package. With an `obstacle` it cannot be carried over; `notes` say what is lost."""

    source: str
    name: str
    schedule: Schedule | None = None
    notes: list[str] = field(default_factory=list)
    obstacle: str = ""

    def fill(self, columns_of: Callable[[Proposal], dict[str, Any]]) -> Proposal:
        """Make our schedule of the columns, and try whether it could be kept."""
        try:
            self.schedule = self._make(columns_of(self))
        except (NotCarried, ScheduleError) as error:
            self.refuse(str(error))
        except _DAMAGES as error:
            self.refuse(f"it cannot be read: {type(error).__name__}: {error}")
        return self

    def refuse(self, why: str) -> None:
        """Say why it is not carried over."""
        self.schedule, self.obstacle = None, why[:_LONGEST]

    def _make(self, columns: dict[str, Any]) -> Schedule:
        if Schedule.objects.using(get_engine().alias).filter(name=self.name).exists():
            raise NotCarried("a schedule of this name is here already")
        now = timezone.now()
        made = Schedule(name=self.name, created_at=now, updated_at=now, **columns)
        check(made)
        if made.timing.next(now) is None:
            raise NotCarried("its time is over")
        return made


def carry_over(proposal: Proposal) -> None:
    """Write the schedule of a proposal that has no obstacle; one that comes up now is noted in it."""
    if proposal.schedule is not None:
        try:
            save(proposal.schedule)
        except ScheduleError as error:
            proposal.obstacle = str(error)
