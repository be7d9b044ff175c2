"""Running: the tasks that run now, longest first, with how far they are and how long they may."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext

from dashboard import words
from dashboard.reading import catalog
from taskhub.models import Task, TaskCatalog

_TIMEOUT = 300.0  # seconds: taskhub's own default
_LATE = 0.9  # of its timeout


@dataclass(frozen=True, slots=True)
class Running:
    """One running task. `fraction` is None where it tells nothing; `left` is an estimate from its progress."""

    task: Task
    ran: str
    limit: str
    is_late: bool
    fraction: float | None
    message: str
    left: str


def running(tasks: Iterable[Task], now: datetime, *, with_payloads: bool) -> list[Running]:
    found = list(tasks)
    known = catalog(task.name for task in found)
    return [_running(task, known.get(task.name), now, with_payloads) for task in found]


def held_by(tasks: QuerySet[Task], worker_id: int) -> QuerySet[Task]:
    """Narrow running tasks to those that the children of a worker hold."""
    return tasks.filter(worker__parent_id=worker_id)


def timeout_of(task: Task, entry: TaskCatalog | None) -> float | None:
    """Return the seconds that an attempt may take; None for no limit. A damaged row has the default."""
    for options in (task.options, entry.defaults if entry is not None else None):
        if isinstance(options, dict) and "timeout" in options:
            seconds = options["timeout"]
            return float(seconds) if isinstance(seconds, int | float) and seconds > 0 else None
    return _TIMEOUT


def estimate(fraction: float, seconds: float) -> str:
    """Say how long it will take at the pace so far; nothing before anybody can tell."""
    if not 0.02 <= fraction < 1 or seconds < 2:
        return ""
    left = words.duration(seconds * (1 - fraction) / fraction)
    return gettext("%(time)s left") % {"time": left}


def _running(task: Task, entry: TaskCatalog | None, now: datetime, with_payloads: bool) -> Running:
    seconds = words.between(task.started_at or now, now)
    limit = timeout_of(task, entry)
    progress = getattr(task, "progress", None)
    return Running(
        task, words.duration(seconds), words.duration(limit) if limit else "",
        is_late=limit is not None and seconds > _LATE * limit,
        fraction=progress.fraction if progress is not None else None,
        message=progress.message if progress is not None and with_payloads else "",
        left=estimate(progress.fraction, seconds) if progress is not None else "",
    )  # fmt: skip
