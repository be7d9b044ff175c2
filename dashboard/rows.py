"""Rows: a task as one line of a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Left
from django.utils.translation import gettext, ngettext

from dashboard import payloads, words
from dashboard.reading import catalog
from taskhub.engines import queue_alias
from taskhub.models import Result, Task, TaskCatalog
from taskhub.states import FINISHED, TaskState, WaitsFor


@dataclass(frozen=True, slots=True)
class Ended:
    """How the last attempt of a task ended, short enough for a line."""

    error: str
    message: str
    ran: float


@dataclass(frozen=True, slots=True)
class Row:
    """What a line shows. `news` says where the task stands, `detail` what it was called with or how it failed.

    `starts_at` is when it starts (again), `waits_since` and `runs_since` are set while it waits or runs.
    """

    task: Task
    news: str
    detail: str
    waited: str
    ran: str
    starts_at: datetime | None = None
    waits_since: datetime | None = None
    runs_since: datetime | None = None

    @property
    def attempts(self) -> str:
        """Attempts so far of those that it has, or alone where a person gave it more."""
        limit = self.task.max_retries + 1
        return (
            f"{self.task.attempt}/{limit}" if self.task.attempt <= limit else str(self.task.attempt)
        )


def rows(tasks: Sequence[Task], now: datetime, *, with_payloads: bool) -> list[Row]:
    """Build the lines of a page, in two queries; `with_payloads` tells whether its reader may see arguments."""
    ended = _last_results([task.pk for task in tasks if task.attempt])
    known = catalog(task.name for task in tasks) if with_payloads else {}
    return [
        _row(task, ended.get(task.pk), known.get(task.name), now, with_payloads) for task in tasks
    ]


def _last_results(ids: list[int]) -> dict[int, Ended]:
    results = Result.objects.using(queue_alias())
    last = results.filter(task=OuterRef("task_id")).order_by("-claim_no").values("claim_no")[:1]
    found = (
        results.filter(task_id__in=ids, claim_no=Subquery(last))
        .annotate(brief=Left("message", 300))
        .values_list("task_id", "error_class", "brief", "started_at", "finished_at")
    )
    return {
        task_id: Ended(error.rpartition(".")[2], message, words.between(started, finished))
        for task_id, error, message, started, finished in (found if ids else ())
    }


def _row(
    task: Task, ended: Ended | None, entry: TaskCatalog | None, now: datetime, with_payloads: bool
) -> Row:
    return Row(
        task=task,
        news=_news(task, with_payloads),
        detail=_detail(task, ended, entry, with_payloads),
        waited=_waited(task, now),
        ran=_ran(task, ended, now),
        starts_at=task.run_after if _waits_for_its_time(task) else None,
        waits_since=task.ready_at if not task.started_at and not task.finished_at else None,
        runs_since=task.started_at if task.state == TaskState.RUNNING else None,
    )


def _waits_for_its_time(task: Task) -> bool:
    return task.waits_for == WaitsFor.TIME and task.state in (TaskState.PENDING, TaskState.RETRYING)


def _news(task: Task, with_payloads: bool) -> str:
    match TaskState(task.state):
        case TaskState.PENDING | TaskState.RETRYING if _waits_for_its_time(task):
            return gettext("again") if task.state == TaskState.RETRYING else ""
        case TaskState.PENDING if task.waits_for == WaitsFor.TASKS:
            said = ngettext("waits for %(n)s task", "waits for %(n)s tasks", task.unmet)
            return said % {"n": words.capped(task.unmet)}
        case TaskState.PENDING if task.waits_for == WaitsFor.RATE:
            return gettext("waits for its rate")
        case TaskState.PENDING:
            return gettext("waits for a slot")
        case TaskState.RUNNING:
            return _progress(task, with_payloads)
        case TaskState.CANCELLED:
            return task.reason
        case TaskState.EXPIRED:
            limit = words.between(task.enqueued_at, task.expires_at) if task.expires_at else 0
            return gettext("not started within %(time)s") % {"time": words.duration(limit)}
    return ""


def _progress(task: Task, with_payloads: bool) -> str:
    said = gettext("asked to stop") if task.cancel_requested_at else ""
    progress = getattr(task, "progress", None)
    if progress is not None:
        message = progress.message if with_payloads else ""
        said = " · ".join(part for part in (said, f"{progress.fraction:.0%}", message) if part)
    return said


def _detail(task: Task, ended: Ended | None, entry: TaskCatalog | None, with_payloads: bool) -> str:
    if task.state in (TaskState.FAILED, TaskState.RETRYING) and ended is not None:
        return f"{ended.error}: {ended.message}" if with_payloads and ended.message else ended.error
    if task.state in (TaskState.CANCELLED, TaskState.EXPIRED) or not with_payloads:
        return ""
    return payloads.summary(task, entry)


def _waited(task: Task, now: datetime) -> str:
    due, until = task.ready_at, task.started_at or task.finished_at or now
    return words.duration(words.between(due, until)) if until > due else "–"


def _ran(task: Task, ended: Ended | None, now: datetime) -> str:
    if task.state == TaskState.RUNNING and task.started_at:
        return words.duration(words.between(task.started_at, now))
    if ended is not None:
        return words.duration(ended.ran)
    if task.state in FINISHED and task.started_at and task.finished_at:
        return words.duration(words.between(task.started_at, task.finished_at))
    return "–"
