"""Monitor: what operators and code read, and the operators' verbs, each one call into `taskhub.queue`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q, QuerySet

from taskhub import capability, conf, queue
from taskhub.engines import get_engine, queue_alias
from taskhub.models import Queue, Task, TaskCatalog, Worker
from taskhub.models.worker import WorkerKind
from taskhub.states import WAITING, TaskState, WaitsFor

cancel = queue.cancel
cancel_by_tag = queue.cancel_by_tag
retry = queue.retry
purge = queue.purge
pause = queue.pause
resume = queue.resume
tasks_without_worker = capability.tasks_without_worker


@dataclass(frozen=True, slots=True)
class QueueStats:
    """A queue at one moment; `oldest_queued_at` is when the task that waits longest was enqueued."""

    name: str
    queued: int = 0
    pending: int = 0
    retrying: int = 0
    running: int = 0
    oldest_queued_at: datetime | None = None
    is_paused: bool = False
    pause_reason: str = ""

    @property
    def waiting(self) -> int:
        return self.queued + self.pending + self.retrying


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker at one moment, with what its children run."""

    worker: Worker
    active: int
    seconds_since_heartbeat: float

    @property
    def is_healthy(self) -> bool:
        return self.worker.stopped_at is None and self.seconds_since_heartbeat < conf.get().lease


def tasks() -> QuerySet[Task]:
    """Return all tasks, newest first, from the queue's database."""
    return Task.objects.using(queue_alias()).order_by("-id")


def get_task(task_id: int) -> Task:
    """Return one task's row.

    Raises:
        Task.DoesNotExist: no such task.
    """
    return tasks().select_related("progress", "worker").get(id=task_id)


def list_queues() -> list[str]:
    """Return the queues known by name: those of the catalog, those that somebody paused, those with queued tasks."""
    alias = queue_alias()
    names = set(TaskCatalog.objects.using(alias).values_list("queue", flat=True))
    names |= set(Queue.objects.using(alias).values_list("name", flat=True))
    return sorted(names | set(get_engine().queued_names()))


def queue_size(name: str) -> int:
    """Return how many tasks of a queue wait: queued, pending or retrying."""
    return sum(part.filter(queue=name, state__in=sorted(WAITING)).count() for part in _live_parts())


def queue_stats() -> list[QueueStats]:
    """Return every known queue with its live tasks by state. Reads live tasks only, never the finished ones."""
    counts: dict[str, dict[str, int]] = {}
    oldest: dict[str, datetime] = {}
    for part in _live_parts():
        grouped = part.order_by().values_list("queue", "state")
        for name, state, count, first in grouped.annotate(n=Count("id"), first=Min("enqueued_at")):
            counts.setdefault(name, {})[state] = count
            if state == TaskState.QUEUED:
                oldest[name] = first
    settings = {row.name: row for row in Queue.objects.using(queue_alias())}
    return [
        QueueStats(
            name=name, **counts.get(name, {}), oldest_queued_at=oldest.get(name),
            is_paused=name in settings and settings[name].is_paused,
            pause_reason=settings[name].pause_reason if name in settings else "",
        )
        for name in sorted({*list_queues(), *counts})
    ]  # fmt: skip


def workers(*, stopped_within: timedelta = timedelta(0)) -> list[WorkerInfo]:
    """Return the workers that have not stopped, and those that stopped lately, by name."""
    now = get_engine().now()
    rows = Worker.objects.using(queue_alias()).filter(kind=WorkerKind.WORKER)
    rows = rows.filter(
        Q(stopped_at__isnull=True) | Q(stopped_at__gt=now - stopped_within)
    ).order_by("name", "id")
    busy = (
        tasks()
        .filter(state=TaskState.RUNNING)
        .order_by()
        .values_list("worker__parent")
        .annotate(n=Count("id"))
    )
    active = dict(busy)
    return [
        WorkerInfo(
            worker, active.get(worker.pk, 0), max(0.0, (now - worker.heartbeat_at).total_seconds())
        )
        for worker in rows
    ]


def active_tasks() -> QuerySet[Task]:
    """Return the running tasks, longest running first."""
    return (
        tasks()
        .filter(state=TaskState.RUNNING)
        .select_related("progress", "worker")
        .order_by("started_at")
    )


def pending_tasks(queue_name: str = "default") -> QuerySet[Task]:
    """Return what waits in a queue, in the order in which it would be claimed."""
    return (
        tasks()
        .filter(queue=queue_name, state__in=sorted(WAITING))
        .order_by("-priority", "position", "id")
    )


def failed_tasks(limit: int = 100) -> list[Task]:
    """Return the tasks that failed last, newest first."""
    return list(
        tasks()
        .filter(state=TaskState.FAILED, finished_at__isnull=False)
        .order_by("-finished_at")[:limit]
    )


def _live_parts() -> list[QuerySet[Task]]:
    """Return the tasks that have not ended, in parts that each have an index which holds no finished task.

    Nothing waits for other tasks or for a slot yet; those waiters need an index and a part of their own.
    """
    waiting = [TaskState.PENDING, TaskState.RETRYING]
    return [
        tasks().filter(state=TaskState.QUEUED),
        tasks().filter(state__in=waiting, waits_for=WaitsFor.TIME, run_after__isnull=False),
        tasks().filter(state=TaskState.RUNNING, worker__isnull=False),
    ]
