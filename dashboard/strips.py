"""Strips: what is said of each queue and each worker in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext_lazy

from dashboard import words
from dashboard.drain import Drain, drain
from dashboard.lanes import Lane, lane
from dashboard.rates import Rate
from dashboard.sparks import Spark
from taskhub import conf
from taskhub.models import WorkerOrder
from taskhub.monitor import QueueStats, WorkerInfo

_SLOTS_DRAWN = 32
_STATES = {
    "lost": pgettext_lazy("state of a worker", "lost"),
    "left": pgettext_lazy("state of a worker", "left"),
    "silent": pgettext_lazy("state of a worker", "silent"),
    "stopping": pgettext_lazy("state of a worker", "stopping"),
    "quiet": pgettext_lazy("state of a worker", "quiet"),
    "working": pgettext_lazy("state of a worker", "working"),
    "idle": pgettext_lazy("state of a worker", "idle"),
}


@dataclass(frozen=True, slots=True)
class QueueLine:
    """A queue with who works on it. `oldest` and `objective` are in seconds."""

    stats: QueueStats
    lane: Lane
    is_staffed: bool
    oldest: float | None
    rate: Rate
    drain: Drain
    slots: int
    objective: float

    @property
    def spark(self) -> Spark:
        """What left it in the last hour; it is drawn where it is shown."""
        return self.rate.spark(self.stats.name)

    @property
    def is_stuck(self) -> bool:
        """Work is there and nobody takes it, though nobody has paused it."""
        return bool(self.stats.queued) and not self.is_staffed and not self.stats.is_paused

    @property
    def is_late(self) -> bool:
        """Its first task has waited longer than it should."""
        return self.oldest is not None and self.oldest > self.objective

    @property
    def share_of_objective(self) -> float:
        return round(min(1.5, (self.oldest or 0.0) / self.objective), 2)


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """A worker with the state that its heartbeat tells. `slots` are those drawn, busy ones True."""

    info: WorkerInfo
    look: str
    key: str
    icon: str
    queues: str
    heartbeat: str
    cpu: float
    slots: list[bool]

    @property
    def word(self) -> str:
        return capfirst(worker_state(self.key))

    @property
    def can_be_told(self) -> bool:
        """It takes orders."""
        worker = self.info.worker
        return worker.stopped_at is None and worker.order != WorkerOrder.STOP


def worker_state(key: str) -> str:
    """Return the word for the state of a worker."""
    return str(_STATES[key])


def queue_lines(
    stats: Sequence[QueueStats],
    workers: Sequence[WorkerInfo],
    now: datetime,
    rates: Mapping[str, Rate],
) -> list[QueueLine]:
    return [
        _queue_line(
            one, [w for w in workers if takes(w, one.name)], now, rates.get(one.name, Rate())
        )
        for one in stats
    ]


def takes(info: WorkerInfo, queue: str) -> bool:
    """Tell whether a worker is alive and claims from a queue."""
    names = info.worker.queue_names
    return info.is_claiming and (not names or queue in names)


def worker_line(info: WorkerInfo) -> WorkerLine:
    worker = info.worker
    look, key, icon = _state(info)
    pairs = [pair for pair in worker.queues if isinstance(pair, list | tuple) and len(pair) == 2]
    queues = " ".join(f"{name}:{weight}" if weight != 1 else str(name) for name, weight in pairs)
    lived = words.between(worker.started_at, worker.stopped_at or worker.heartbeat_at)
    busy = min(info.active, worker.slots)
    return WorkerLine(
        info, look, key, icon, queues or gettext("every queue"), words.duration(info.seconds_since_heartbeat),
        cpu=100 * worker.cpu_seconds / lived if lived > 0 else 0.0,
        slots=[number < busy for number in range(min(worker.slots, _SLOTS_DRAWN))],
    )  # fmt: skip


def _state(info: WorkerInfo) -> tuple[str, str, str]:
    """Return the look, the key of the word and the icon of a worker."""
    worker = info.worker
    if worker.stopped_at is not None:
        return ("failed", "lost", "plug") if worker.is_lost else ("cancelled", "left", "cancelled")
    if not info.is_healthy:
        return "failed", "silent", "plug"
    if worker.order == WorkerOrder.STOP:
        return "paused", "stopping", "stop"
    if worker.order == WorkerOrder.QUIET:
        return "paused", "quiet", "paused"
    return (
        ("succeeded", "working", "succeeded") if info.active else ("succeeded", "idle", "succeeded")
    )


def _queue_line(
    stats: QueueStats, workers: Sequence[WorkerInfo], now: datetime, rate: Rate
) -> QueueLine:
    slots = sum(w.worker.slots for w in workers)
    drawing = lane(
        queued=stats.queued, retrying=stats.retrying, pending=stats.pending, running=stats.running,
        slots=slots, is_paused=stats.is_paused, is_staffed=bool(workers), most=stats.most,
    )  # fmt: skip
    oldest = words.between(stats.oldest_queued_at, now) if stats.oldest_queued_at else None
    return QueueLine(
        stats, drawing, bool(workers), oldest, rate, drain(stats, rate, oldest, is_staffed=bool(workers)),
        slots, conf.get().health_max_wait,
    )  # fmt: skip
