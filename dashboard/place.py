"""Place: where a queued task stands among those of its queue, in the order in which they are claimed."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext

from dashboard import words
from dashboard.reading import count_capped
from dashboard.words import CAP
from taskhub import monitor
from taskhub.engines import get_engine
from taskhub.models import Task
from taskhub.states import TaskState

WIDTH = 1000.0
_CELLS = 120


@dataclass(frozen=True, slots=True)
class Cell:
    x: float
    is_me: bool


@dataclass(frozen=True, slots=True)
class Place:
    """`ahead` tasks go first, of `total` queued; neither is counted beyond the cap. Cells run from newest to next."""

    ahead: int
    total: int
    cells: list[Cell]
    width: float

    @property
    def said(self) -> str:
        if self.ahead > CAP:
            return gettext("more than %(n)s go first") % {"n": words.count(CAP)}
        said = gettext("%(place)s of %(all)s, by priority, then by turn and age")
        return said % {"place": _ordinal(self.ahead + 1), "all": words.capped(self.total)}


def place(task: Task) -> Place:
    """Find the place: three walks along the claim index, each of which stops at the cap."""
    queued = monitor.tasks().filter(queue=task.queue, state=TaskState.QUEUED)
    same = queued.filter(priority=task.priority)
    ahead = (
        count_capped(queued.filter(priority__gt=task.priority))
        + count_capped(same.filter(position__lt=task.position))
        + count_capped(same.filter(position=task.position, id__lt=task.pk))
    )
    total = max(get_engine().count_live([task.queue], CAP + 1)[task.queue].queued, ahead + 1)
    count = min(total, _CELLS)
    mine = count - 1 - min(count - 1, ahead * count // total)
    step = WIDTH / count
    cells = [Cell(round(number * step, 1), number == mine) for number in range(count)]
    return Place(ahead, total, cells, round(max(step * 0.72, 1.0), 1))


def _ordinal(number: int) -> str:
    """Write a place; a language whose ordinals are all alike translates all four the same."""
    shown = {"n": words.count(number)}
    match 0 if 10 <= number % 100 <= 20 else number % 10:
        case 1:
            return gettext("%(n)sst") % shown
        case 2:
            return gettext("%(n)snd") % shown
        case 3:
            return gettext("%(n)srd") % shown
    return gettext("%(n)sth") % shown
