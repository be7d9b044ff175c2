"""Monitor: what operators and code read, and the operators' verbs, each one call into `taskhub.queue`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import Coalesce, Greatest

from taskhub import capability, conf, handlers, queue
from taskhub import events as feed
from taskhub.engines import get_engine, queue_alias
from taskhub.engines.rows import Front
from taskhub.models import Queue, Task, TaskCatalog, Worker, WorkerOrder
from taskhub.models.worker import WorkerKind
from taskhub.queue import mass
from taskhub.queue.fronts import oldest_of, oldest_queued
from taskhub.rollup import rolled_up
from taskhub.states import WAITING, TaskState

_NO_END = 1 << 62
_READY_AT = Greatest("enqueued_at", Coalesce("run_after", "enqueued_at"))
_COUNTED = 50_000  # tasks that are counted of all queues together, but no fewer than 100 of each

cancel = queue.cancel
cancel_by_tag = queue.cancel_by_tag
cancel_by_queue = queue.cancel_by_queue
cancel_where = mass.cancel_where
retry = queue.retry
retry_by_tag = queue.retry_by_tag
retry_by_queue = queue.retry_by_queue
retry_where = mass.retry_where
retry_with = queue.retry_with
events = feed.events
on_task_started = handlers.on_task_started
on_task_completed = handlers.on_task_completed
on_task_failed = handlers.on_task_failed
on_worker_offline = handlers.on_worker_offline
purge = queue.purge
pause = queue.pause
resume = queue.resume
set_limits = queue.set_limits
quiet_worker = queue.quiet_worker
wake_worker = queue.wake_worker
stop_worker = queue.stop_worker
tasks_without_worker = capability.tasks_without_worker


@dataclass(frozen=True, slots=True)
class QueueStats:
    """A queue at one moment; `oldest_queued_at` is since when the task waits that waits longest.

    What waits is not counted beyond `most`, where that is given: a larger number means "more than that".
    """

    name: str
    queued: int = 0
    pending: int = 0
    retrying: int = 0
    running: int = 0
    oldest_queued_at: datetime | None = None
    is_paused: bool = False
    pause_reason: str = ""
    paused_until: datetime | None = None
    max_size: int | None = None
    rate: str = ""
    most: int | None = None

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

    @property
    def is_claiming(self) -> bool:
        """It lives, and nobody has told it to be quiet or to stop."""
        return self.is_healthy and self.worker.order == WorkerOrder.WORK


def tasks() -> QuerySet[Task]:
    """Return all tasks, newest first, from the queue's database."""
    return Task.objects.using(queue_alias()).order_by("-id")


def get_task(task_id: int) -> Task:
    """Return one task's row; its `steps` are those that it has done, in their order.

    Raises:
        Task.DoesNotExist: no such task.
    """
    return tasks().select_related("progress", "worker").prefetch_related("steps").get(id=task_id)


def task_progress(task_id: int) -> float:
    """Return how far a task is, 0…1: as it reports, else as its children are by their weights.

    Raises:
        Task.DoesNotExist: no such task.
    """
    task = tasks().select_related("progress").get(id=task_id)
    if progress := getattr(task, "progress", None):
        return float(progress.fraction)
    found = rolled_up(task_id)
    return float(task.state == TaskState.SUCCEEDED) if found is None else found


def list_queues() -> list[str]:
    """Return the queues known by name: those of the catalog, those that somebody paused, those with waiting tasks."""
    alias = queue_alias()
    names = set(TaskCatalog.objects.using(alias).values_list("queue", flat=True))
    names |= set(Queue.objects.using(alias).values_list("name", flat=True))
    engine = get_engine()
    return sorted(names | {*engine.queued_names(), *engine.waiting_names()})


def queue_size(name: str) -> int:
    """Return how many tasks of a queue wait: queued, pending or retrying."""
    return sum(get_engine().count_live([name], _NO_END)[name])


def queue_stats(
    names: Iterable[str] | None = None,
    *,
    most: int | None = None,
    fronts: Iterable[Front] | None = None,
) -> list[QueueStats]:
    """Return every known queue, or these, with its live tasks by state. Finished tasks are never read.

    With `most` no number goes further than one beyond it, and of many queues not as far: see `QueueStats.most`. The
    oldest is looked for at the front of each priority. So it costs the same however many tasks wait. Who has read the
    fronts (`queue.fronts`) passes them.
    """
    listed = set(list_queues() if names is None else names)
    if most is None:
        counts, oldest = _count_all()
    else:
        most = min(most, _share(len(listed)))
        counts, oldest = _count_some(sorted(listed), most, fronts)
    if names is None:
        listed |= set(counts)
    settings = {row.name: row for row in Queue.objects.using(queue_alias()).filter(name__in=listed)}
    return [
        _stats(
            name,
            counts.get(name, {}),
            oldest.get(name),
            settings.get(name) or Queue(name=name),
            most,
        )
        for name in sorted(listed)
    ]


def _share(queues: int) -> int:
    """Return how far one of so many queues is counted, as a round number."""
    each = max(100, _COUNTED // max(1, queues))
    return each - each % (1000 if each >= 1000 else 100)


def _stats(
    name: str, counts: Mapping[str, int], oldest: datetime | None, row: Queue, most: int | None
) -> QueueStats:
    return QueueStats(
        name=name, **counts, oldest_queued_at=oldest, is_paused=row.is_paused, pause_reason=row.pause_reason,
        paused_until=row.paused_until, max_size=row.max_size, rate=row.rate, most=most,
    )  # fmt: skip


def _count_all() -> tuple[dict[str, dict[str, int]], dict[str, datetime]]:
    counts: dict[str, dict[str, int]] = {}
    oldest: dict[str, datetime] = {}
    for name, state, count in get_engine().count_waiting_tasks():
        counts.setdefault(name, {})[state] = count
    for part in _live_parts():
        grouped = part.order_by().values_list("queue", "state")
        for name, state, count, first in grouped.annotate(n=Count("id"), first=Min(_READY_AT)):
            counts.setdefault(name, {})[state] = count
            if state == TaskState.QUEUED:
                oldest[name] = first
    return counts, oldest


def _count_some(
    names: Sequence[str], most: int, fronts: Iterable[Front] | None
) -> tuple[dict[str, dict[str, int]], dict[str, datetime]]:
    found = get_engine().count_live(names, most + 1)
    counts = {name: dict(one._asdict()) for name, one in found.items()}
    running = _live_parts()[-1].filter(queue__in=names).order_by().values_list("queue")
    for name, count in running.annotate(n=Count("id")):
        counts.setdefault(name, {})["running"] = count
    if fronts is None:
        oldest = oldest_queued(name for name, one in found.items() if one.queued)
    else:
        waiting = (part for part in fronts if part.queue in found and found[part.queue].queued)
        oldest = oldest_of(waiting)  # without what was claimed in between
    return counts, oldest


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


def worker_info(worker: Worker, active: int) -> WorkerInfo:
    """Return a worker as `workers` does; its heartbeat is aged by the database's clock."""
    age = (get_engine().now() - worker.heartbeat_at).total_seconds()
    return WorkerInfo(worker, active, max(0.0, age))


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
    """Return the tasks that may start or run, in parts that each have an index which holds no finished task."""
    return [
        tasks().filter(state=TaskState.QUEUED),
        tasks().filter(state=TaskState.RUNNING, worker__isnull=False),
    ]
