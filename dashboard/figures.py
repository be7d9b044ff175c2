"""Figures: the numbers of the overview, read in a fixed handful of queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dashboard.reading import count_capped, in_state
from dashboard.strips import QueueLine, WorkerLine, queue_lines, worker_line
from taskhub import capability, monitor
from taskhub.capability import Stranded
from taskhub.monitor import QueueStats, WorkerInfo
from taskhub.states import TaskState

RECENT = timedelta(hours=1)
_SAMPLE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The queue at one moment. `failed` and `succeeded` count the last hour, no further than the cap."""

    queues: list[QueueLine]
    workers: list[WorkerLine]
    failed: int
    succeeded: int
    failing: Counter[str] = field(default_factory=Counter)  # names among the last failures
    unknown: list[Stranded] = field(
        default_factory=list
    )  # a worker takes their queue and lacks them
    is_new: bool = False  # no task has ever been enqueued

    def total(self, state: str) -> int:
        return sum(getattr(line.stats, state) for line in self.queues)

    @property
    def waiting(self) -> int:
        return self.total("waiting")

    @property
    def queued(self) -> int:
        return self.total("queued")

    @property
    def later(self) -> int:
        """Those that wait for their time or for something else."""
        return self.total("pending") + self.total("retrying")

    @property
    def running(self) -> int:
        return self.total("running")

    @property
    def healthy(self) -> list[WorkerLine]:
        return [line for line in self.workers if line.info.is_healthy]

    @property
    def slots(self) -> int:
        return sum(line.info.worker.slots for line in self.healthy)

    @property
    def share(self) -> str:
        """What succeeded of what succeeded or failed, in per cent; "" where nothing did."""
        ended = self.succeeded + self.failed
        return f"{self.succeeded / ended:.1%}" if ended else ""

    @property
    def oldest(self) -> QueueLine | None:
        """The queue whose first task waits longest."""
        waiting = [line for line in self.queues if line.oldest is not None]
        return max(waiting, key=lambda line: line.oldest or 0.0, default=None)


def read(now: datetime) -> Figures:
    """Read the figures. Finished tasks are counted up to the cap, live ones all."""
    workers = monitor.workers(stopped_within=RECENT)
    stats = monitor.queue_stats()
    since = now - RECENT
    failed = in_state(monitor.tasks(), TaskState.FAILED).filter(finished_at__gte=since)
    succeeded = in_state(monitor.tasks(), TaskState.SUCCEEDED).filter(finished_at__gte=since)
    number = count_capped(failed)
    names = (
        failed.order_by("-finished_at").values_list("name", flat=True)[:_SAMPLE] if number else []
    )
    return Figures(
        queues=queue_lines(stats, workers, now),
        workers=[worker_line(info) for info in workers],
        failed=number,
        succeeded=count_capped(succeeded),
        failing=Counter(names),
        unknown=_unknown(stats, workers),
        is_new=not monitor.tasks().exists(),
    )


def _unknown(stats: Sequence[QueueStats], workers: Sequence[WorkerInfo]) -> list[Stranded]:
    """Return the tasks whose queue a worker takes and whose code none of them has."""
    groups = capability.waiting(one.name for one in stats if one.queued and not one.is_paused)
    alive = [info.worker for info in workers if info.is_healthy]
    return [one for one in monitor.tasks_without_worker(groups, alive) if one.is_queue_taken]
