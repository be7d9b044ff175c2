"""Capability: what waits at the front of each queue, and for which of it no living worker is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from taskhub import conf
from taskhub.engines import get_engine, queue_alias
from taskhub.engines.rows import Front
from taskhub.models import Queue, Worker, WorkerOrder
from taskhub.models.worker import WorkerKind
from taskhub.queue.fronts import fronts

SAMPLE = 500  # tasks that are read of a queue before the next lower priority is looked at


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


def waiting(queues: Iterable[str] | None = None, sample: int = SAMPLE) -> list[Waiting]:
    """Return what waits in these queues (default: all that are not paused), by queue and name.

    Only the front of each queue is read, see `fronts`: what nobody can run stays at the front of its priority, and is
    found there whatever else waits.
    """
    return grouped(fronts(_open_queues() if queues is None else queues, sample))


def grouped(parts: Iterable[Front]) -> list[Waiting]:
    """Return queued tasks by queue and name, whatever their priority."""
    found: dict[tuple[str, str], list[Front]] = {}
    for part in parts:
        found.setdefault((part.queue, part.name), []).append(part)
    return [
        Waiting(queue, name, sum(part.number for part in parts), min(p.ready_at for p in parts))
        for (queue, name), parts in sorted(found.items())
    ]


def tasks_without_worker(
    groups: Iterable[Waiting] | None = None, workers: Iterable[Worker] | None = None
) -> list[Stranded]:
    """Return what no living worker can run: it does not take the queue, does not know the name, or is quiet.

    Who has them already passes what `waiting()` gave, and the living workers.
    """
    able = [
        (row.queue_names, set(row.tasks))
        for row in (living_workers() if workers is None else workers)
        if row.order == WorkerOrder.WORK
    ]
    stranded = []
    for group in waiting() if groups is None else groups:
        names = [names for queues, names in able if not queues or group.queue in queues]
        if not any(group.name in known for known in names):
            told = (group.queue, group.name, group.count, group.oldest_at)
            stranded.append(Stranded(*told, is_queue_taken=bool(names)))
    return stranded


def living_workers() -> QuerySet[Worker]:
    """Return the workers that have given a sign of life within the lease; quiet ones are among them."""
    limit = get_engine().now() - timedelta(seconds=conf.get().lease)
    return Worker.objects.using(queue_alias()).filter(
        kind=WorkerKind.WORKER, stopped_at__isnull=True, heartbeat_at__gte=limit
    )


def _open_queues() -> list[str]:
    engine = get_engine()
    rows = Queue.objects.using(engine.alias).filter(is_paused=True)
    paused = set(rows.values_list("name", flat=True))
    return [queue for queue in engine.queued_names() if queue not in paused]
