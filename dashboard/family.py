"""Family: who spawned a task, whom it spawned, and how far those are together."""

from __future__ import annotations

from dataclasses import dataclass

from taskhub import monitor
from taskhub.models import Task
from taskhub.rollup import rolled_up

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Family:
    """`progress` is what the children have done of their weight, 0…1; None where there are none."""

    parent: Task | None
    children: list[Task]
    has_more: bool
    progress: float | None


def family(task: Task) -> Family | None:
    """Return a task's parent and its first children; None where it has neither."""
    parent = monitor.tasks().filter(pk=task.parent_id).first() if task.parent_id else None
    found = monitor.tasks().filter(parent=task).order_by("id").defer("args", "kwargs", "options")
    children = list(found.select_related("progress")[: SHOWN + 1])
    if parent is None and not children:
        return None
    progress = rolled_up(task.pk) if children else None
    return Family(parent, children[:SHOWN], len(children) > SHOWN, progress)
