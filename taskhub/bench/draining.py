"""Draining: how fast a worker runs what has piled up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from taskhub.bench.figures import BenchFailed, Figure
from taskhub.bench.options import BenchOptions
from taskhub.bench.runner import Runner
from taskhub.bench.statistics import steady_rate
from taskhub.engines import queue_alias
from taskhub.models import Task
from taskhub.states import TaskState

if TYPE_CHECKING:
    from taskhub.definition import TaskDefinition

START = 40.0  # seconds that a worker may take to end its first task
_SLOWEST = 20.0  # tasks a second: who is slower is given up


def measure_drain(options: BenchOptions, floor: float) -> list[Figure]:
    from taskhub.bench.tasks import noop

    ids = enqueue(noop, options.tasks)
    rate = drain(options.database, options.worker_arguments, ids)
    return [
        Figure(
            key="drain", label=f"drain of {options.tasks:,} no-op tasks", value=rate,
            unit="tasks/s", ratio=rate / floor, ratio_to="floor",
        )
    ]  # fmt: skip


def enqueue(definition: TaskDefinition, count: int, args: tuple[Any, ...] = ()) -> list[int]:
    """Enqueue so many tasks and return their ids."""
    return [int(result.id) for result in definition.enqueue_many([(args, {})] * count)]


def drain(database: str, arguments: Sequence[str], ids: Sequence[int]) -> float:
    """Start a worker, let it run these tasks, the first in their queue, and stop it; return its rate.

    Starting is no part of it, nor is the first fifth of the tasks. The last ones count when their outcome is in the
    database.
    """
    with Runner(database, arguments) as worker:
        worker.wait_for(lambda: are_over(ids[:1]), "its first task ended", START)
        limit = START + len(ids) / _SLOWEST
        # The last one is looked at until it is over, and only then all: looking must not cost what it measures.
        worker.wait_for(lambda: are_over(ids[-1:]), "its last task ended", limit)
        worker.wait_for(lambda: are_over(ids), "all of its tasks ended", START)
        seen = time.time()
    ends = _rows(ids).values_list("finished_at", "state")
    if bad := sum(state != TaskState.SUCCEEDED for _, state in ends):
        raise BenchFailed(f"{bad} of {len(ids)} tasks did not succeed.")
    return steady_rate([end.timestamp() for end, _ in ends if end], seen)


def are_over(ids: Sequence[int]) -> bool:
    """Tell whether all of these tasks, which were enqueued together, have ended."""
    return not _rows(ids).filter(finished_at=None).exists()


def _rows(ids: Sequence[int]) -> Any:
    """Return the rows between the first and the last, which are ours where their queue is."""
    from taskhub.bench.admission import DRAINED

    rows = Task.objects.using(queue_alias())
    if len(ids) == 1:
        return rows.filter(id=ids[0])
    return rows.filter(id__range=(ids[0], ids[-1]), queue=DRAINED)
