"""Capability: what waits at the front of each queue, and for which of it no living worker is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from taskhub import conf
from taskhub.engines import get_engine, queue_alias
from taskhub.engines.rows import QueuedTask
from taskhub.models import Queue, Worker
from taskhub.models.worker import WorkerKind

QUEUES = 100  # that one statement asks for
SAMPLE = 500  # tasks that are read of a queue before the next lower priority is looked at
ROUNDS = 5  # priorities of one queue that are looked at


@dataclass(frozen=True, slots=True)
class Waiting:
    """Queued tasks of one name at the front of one queue; `count` goes no further than what was read."""

    queue: str
    name: str
    count: int
    oldest_at: datetime  # since when the first of them could have been claimed


@dataclass(frozen=True, slots=True)
class Stranded(Waiting):
    """Queued tasks that no living worker can run."""

    is_queue_taken: (
        bool  # by a worker that does not know the name; else nobody takes anything from the queue
    )


def waiting(queues: Iterable[str] | None = None) -> list[Waiting]:
    """Return what waits in these queues (default: all that are not paused), by queue and name.

    Of each queue the first SAMPLE tasks of a few priorities are read, with a statement for all queues: what nobody can
    run stays at the front of its priority, and is found there whatever else waits.
    """
    found: dict[tuple[str, str], list[QueuedTask]] = {}
    for task in _fronts(_open_queues() if queues is None else queues):
        found.setdefault((task.queue, task.name), []).append(task)
    return [
        Waiting(queue, name, len(tasks), min(task.ready_at for task in tasks))
        for (queue, name), tasks in sorted(found.items())
    ]


def tasks_without_worker(
    groups: Iterable[Waiting] | None = None, workers: Iterable[Worker] | None = None
) -> list[Stranded]:
    """Return what no living worker can run: it does not take the queue, or does not know the name.

    Who has them already passes what `waiting()` gave, and the living workers.
    """
    able = [
        (row.queue_names, set(row.tasks))
        for row in (living_workers() if workers is None else workers)
    ]
    stranded = []
    for group in waiting() if groups is None else groups:
        names = [names for queues, names in able if not queues or group.queue in queues]
        if not any(group.name in known for known in names):
            told = (group.queue, group.name, group.count, group.oldest_at)
            stranded.append(Stranded(*told, is_queue_taken=bool(names)))
    return stranded


def living_workers() -> QuerySet[Worker]:
    """Return the workers that have given a sign of life within the lease."""
    limit = get_engine().now() - timedelta(seconds=conf.get().lease)
    return Worker.objects.using(queue_alias()).filter(
        kind=WorkerKind.WORKER, stopped_at__isnull=True, heartbeat_at__gte=limit
    )


def _open_queues() -> list[str]:
    engine = get_engine()
    rows = Queue.objects.using(engine.alias).filter(is_paused=True)
    paused = set(rows.values_list("name", flat=True))
    return [queue for queue in engine.queued_names() if queue not in paused]


def _fronts(queues: Iterable[str]) -> list[QueuedTask]:
    engine = get_engine()
    fronts: list[QueuedTask] = []
    wanted: list[tuple[str, int | None]] = [(queue, None) for queue in queues]
    for _ in range(ROUNDS):
        parts = [wanted[start : start + QUEUES] for start in range(0, len(wanted), QUEUES)]
        tasks = [task for part in parts for task in engine.queued_fronts(part, SAMPLE)]
        fronts += tasks
        wanted = _lower(tasks)
    return fronts


def _lower(tasks: Iterable[QueuedTask]) -> list[tuple[str, int | None]]:
    """Return where to look on: queues of which not all was read, below the last priority that was."""
    read: dict[str, list[int]] = {}
    for task in tasks:
        read.setdefault(task.queue, []).append(task.priority)
    return [
        (queue, min(priorities)) for queue, priorities in read.items() if len(priorities) == SAMPLE
    ]
