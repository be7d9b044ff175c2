"""Check: one possible reason for a task to wait, with its evidence."""

from __future__ import annotations

from dataclasses import dataclass, field

from taskhub.models import Task
from taskhub.monitor import WorkerInfo

NAMED = 5  # tasks or workers that are told by name


@dataclass(frozen=True, slots=True)
class Check:
    """One possible reason. `what` is how the verdict names it where it holds the task; `resume` names a queue."""

    question: str
    answer: str
    is_held: bool = False
    what: str = ""
    look: str = "succeeded"
    icon: str = "ok"
    tasks: list[Task] = field(default_factory=list)
    workers: list[WorkerInfo] = field(default_factory=list)
    resume: str = ""
