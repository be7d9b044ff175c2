"""Figures: the numbers of the overview, read in a fixed handful of queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dashboard import rates, words
from dashboard.reading import count_capped, in_state
from dashboard.strips import QueueLine, WorkerLine, queue_lines, worker_line
from dashboard.words import CAP
from taskhub import capability, monitor, schedules
from taskhub.capability import Stranded
from taskhub.engines.rows import Front
from taskhub.metrics import Point
from taskhub.models import Outcome, Schedule, ScheduleRun
from taskhub.monitor import QueueStats, WorkerInfo
from taskhub.queue.fronts import fronts
from taskhub.states import TaskState

RECENT = timedelta(hours=1)
_SAMPLE = 500
_STRIP = 20
_FRONT = 20  # tasks at the front of each queue whose code is looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The queue at one moment. `failed` and `succeeded` count the last hour, no further than the cap."""

    queues: list[QueueLine]
    workers: list[WorkerLine]
    failed: int
    succeeded: int
    failures: list[int] = field(
        default_factory=list
    )  # in each of the last 60 minutes; [] where nothing was measured
    failing: Counter[str] = field(default_factory=Counter)  # names among the last failures
    unknown: list[Stranded] = field(
        default_factory=list
    )  # a worker takes their queue and lacks them
    late_schedules: list[tuple[Schedule, float]] = field(default_factory=list)
    missed_runs: list[ScheduleRun] = field(default_factory=list)  # of the last hour
    is_new: bool = False  # no task has ever been enqueued

    def total(self, *states: str) -> str:
        numbers = (getattr(line.stats, name) for line in self.queues for name in states)
        return words.at_least(numbers, self.queues[0].stats.most if self.queues else None)

    @property
    def waiting(self) -> str:
        return self.total("queued", "pending", "retrying")

    @property
    def queued(self) -> str:
        return self.total("queued")

    @property
    def later(self) -> str:
        """Those that wait for their time or for something else."""
        return self.total("pending", "retrying")

    @property
    def strip(self) -> list[QueueLine]:
        """The queues to show here: all, or of many those in which something waits or runs, the oldest wait first."""
        if len(self.queues) <= _STRIP:
            return self.queues
        return sorted(
            self.queues,
            key=lambda line: (-(line.oldest or 0.0), -line.stats.waiting - line.stats.running),
        )[:_STRIP]

    @property
    def running(self) -> int:
        return sum(line.stats.running for line in self.queues)

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
        return words.localized(f"{self.succeeded / ended:.1%}") if ended else ""

    @property
    def oldest(self) -> QueueLine | None:
        """The queue whose first task waits longest."""
        waiting = [line for line in self.queues if line.oldest is not None]
        return max(waiting, key=lambda line: line.oldest or 0.0, default=None)


def read(now: datetime, points: Sequence[Point]) -> Figures:
    """Read the figures, but for the `points` of the last hour, a minute each. Nothing is counted beyond the cap."""
    workers = monitor.workers(stopped_within=RECENT)
    names = monitor.list_queues()
    front = fronts(names, _FRONT)
    stats = monitor.queue_stats(names, most=CAP, fronts=front)
    since = now - RECENT
    failed = in_state(monitor.tasks(), TaskState.FAILED).filter(finished_at__gte=since)
    succeeded = in_state(monitor.tasks(), TaskState.SUCCEEDED).filter(finished_at__gte=since)
    number = count_capped(failed)
    failing = (
        failed.order_by("-finished_at").values_list("name", flat=True)[:_SAMPLE] if number else []
    )
    return Figures(
        queues=queue_lines(stats, workers, now, rates.read(now, points)),
        workers=[worker_line(info) for info in workers],
        failed=number,
        succeeded=count_capped(succeeded),
        failures=_failures(points),
        failing=Counter(failing),
        unknown=_unknown(front, stats, workers),
        late_schedules=schedules.late(),
        missed_runs=schedules.last_missed(since),
        is_new=not monitor.tasks().exists(),
    )


def _failures(points: Sequence[Point]) -> list[int]:
    if not any(point.counts for point in points):
        return []
    return [point.counts.get(Outcome.FAILED, 0) for point in points]


def _unknown(
    front: Sequence[Front], stats: Sequence[QueueStats], workers: Sequence[WorkerInfo]
) -> list[Stranded]:
    """Return the tasks whose queue a worker takes and whose code none of them has."""
    paused = {one.name for one in stats if one.is_paused}
    groups = capability.grouped(part for part in front if part.queue not in paused)
    alive = [info.worker for info in workers if info.is_healthy]
    return [one for one in monitor.tasks_without_worker(groups, alive) if one.is_queue_taken]
