"""Timetable: schedules as the page of schedules shows them, with what became of their last runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

from django.utils.text import capfirst
from django.utils.translation import pgettext_lazy

from dashboard import words
from taskhub import schedules
from taskhub.models import Decision, Schedule
from taskhub.schedules import Run

SHOWN = 60  # runs
SIZE = 20  # schedules of a page
_DECISIONS = {
    Decision.ENQUEUED: pgettext_lazy("what became of a due time", "enqueued"),
    Decision.MISSED: pgettext_lazy("what became of a due time", "missed"),
    Decision.OVERLAPPED: pgettext_lazy("what became of a due time", "overlapped"),
    Decision.REFUSED: pgettext_lazy("what became of a due time", "refused"),
}
_STANDINGS = {
    "on": pgettext_lazy("of a schedule", "on"),
    "over": pgettext_lazy("of a schedule", "over"),
}
_STEP, _HEIGHT, _LEAST = 4, 20.0, 3.0  # of a bar, in units of the drawing


@dataclass(frozen=True, slots=True)
class Bar:
    """A run of the drawing: its height is its duration, `look` the state of its task or "miss"."""

    x: int
    y: str
    height: str
    look: str
    told: str


@dataclass(frozen=True, slots=True)
class Line:
    """A schedule. `late`: by how many seconds it is overdue by the database's clock. `lateness`: their median."""

    schedule: Schedule
    words: str
    standing: str
    late: float
    runs: Sequence[Run]
    bars: Sequence[Bar]
    lateness: float | None

    @property
    def last(self) -> Run | None:
        return self.runs[0] if self.runs else None

    @property
    def told(self) -> str:
        """What became of the last run."""
        if self.last is None:
            return ""
        return words.state(self.last.state) if self.last.state else decided(self.last)

    @property
    def width(self) -> int:
        return SHOWN * _STEP


def decided(run: Run) -> str:
    """Return the word for what became of a due time."""
    return str(_DECISIONS[run.decision])


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some lines, and how many schedules there are in all, are late, and are off."""

    lines: list[Line]
    number: int
    pages: int
    total: int
    late: int
    off: int

    @property
    def previous(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        return self.number + 1 if self.number < self.pages else None


def lines(number: int = 1) -> Page:
    """Return a page of schedules, those that are late first, then by name: a few queries, however many there are."""
    late = {schedule.pk: seconds for schedule, seconds in schedules.late()}
    found = sorted(schedules.list(), key=lambda one: (one.pk not in late, one.name))
    pages = max(1, ceil(len(found) / SIZE))
    number = min(max(1, number), pages)
    shown = found[(number - 1) * SIZE : number * SIZE]
    runs = schedules.histories(shown, SHOWN)
    return Page(
        lines=[_line(one, late.get(one.pk, 0.0), runs[one.pk]) for one in shown],
        number=number,
        pages=pages,
        total=len(found),
        late=len(late),
        off=sum(not one.enabled for one in found),
    )


def _line(schedule: Schedule, late: float, runs: Sequence[Run]) -> Line:
    fired = [run for run in runs if run.decision == Decision.ENQUEUED and not run.is_manual]
    waits = [run.late_seconds for run in fired]
    return Line(
        schedule=schedule,
        words=schedules.words_of(schedule),
        standing=_standing(schedule),
        late=late,
        runs=runs,
        bars=bars(runs),
        lateness=median(waits) if waits else None,
    )


def _standing(schedule: Schedule) -> str:
    """Return the word for how it stands; who switched it off, and why, stays as it was recorded."""
    said = schedules.standing(schedule)
    return str(_STANDINGS.get(said, said))


def bars(runs: Sequence[Run]) -> list[Bar]:
    """Draw runs from left to right, the oldest first; the longest is as high as the drawing."""
    longest = max((run.run_seconds or 0.0 for run in runs), default=0.0)
    first = SHOWN - len(runs)
    return [_bar(first + index, run, longest) for index, run in enumerate(reversed(runs))]


def _bar(place: int, run: Run, longest: float) -> Bar:
    share = (run.run_seconds or 0.0) / longest if longest else 0.0
    height = _LEAST + (_HEIGHT - _LEAST) * share
    look = run.state or ("miss" if run.decision != Decision.ENQUEUED else "pending")
    state = words.state(run.state) if run.state else ""
    told = " · ".join(filter(None, (state, run.reason))) or capfirst(decided(run))
    return Bar(place * _STEP, f"{_HEIGHT - height:.1f}", f"{height:.1f}", look, told)
