"""Rollup: the progress of a task that reports none is that of the tasks that it has spawned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from taskhub.engines import get_engine
from taskhub.models import Task
from taskhub.states import FINISHED, TaskState

DEEPEST = 10  # generations that are looked at; below them a task has done nothing yet
_PART = 1000


@dataclass(slots=True)
class _Child:
    id: int
    parent: int
    state: str
    weight: float
    reported: float | None

    @property
    def is_open(self) -> bool:
        """Only its own children know how far it is: it has started, and has not ended or told."""
        return (
            self.reported is None and self.state not in FINISHED and self.state != TaskState.QUEUED
        )


def rolled_up(task_id: int) -> float | None:
    """Return the weighted progress of a task's children, 0…1; None where it has none.

    A child that has ended counts as done, however it ended: nothing more will come of it. One that runs counts as far
    as it has reported, or as its own children are. A query for each generation that is not known yet.
    """
    known: dict[int, float] = {}
    generations: list[list[_Child]] = []
    parents = [task_id]
    while parents and len(generations) < DEEPEST:
        generations.append(children := _children(parents))
        parents = [child.id for child in children if child.is_open]
    for children in reversed(generations):
        known |= _by_parent(children, known)
    return known.get(task_id)


def _by_parent(children: Iterable[_Child], known: dict[int, float]) -> dict[int, float]:
    done: dict[int, float] = defaultdict(float)
    total: dict[int, float] = defaultdict(float)
    for child in children:
        done[child.parent] += child.weight * _fraction(child, known)
        total[child.parent] += child.weight
    return {parent: done[parent] / weight for parent, weight in total.items()}


def _fraction(child: _Child, known: dict[int, float]) -> float:
    if child.state in FINISHED:
        return 1.0
    return known.get(child.id, 0.0) if child.reported is None else child.reported


def _children(parents: Sequence[int]) -> list[_Child]:
    rows: list[Any] = []
    tasks = Task.objects.using(get_engine().alias).order_by()
    for start in range(0, len(parents), _PART):
        part = tasks.filter(parent_id__in=parents[start : start + _PART])
        rows += part.values_list("id", "parent_id", "state", "options", "progress__fraction")
    return [
        _Child(id_, parent, state, _weight(options), reported)
        for id_, parent, state, options, reported in rows
    ]


def _weight(options: Any) -> float:
    """Return the weight of a row; options that were damaged by hand weigh 1."""
    weight = options.get("weight", 1.0) if isinstance(options, dict) else 1.0
    is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
    return float(weight) if is_number and weight > 0 else 1.0
