"""Strips: what the overview says of each queue and each worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard import words
from dashboard.lanes import Lane, lane
from taskhub.monitor import QueueStats, WorkerInfo


@dataclass(frozen=True, slots=True)
class QueueLine:
    """A queue with who works on it. `oldest` is in seconds."""

    stats: QueueStats
    lane: Lane
    is_staffed: bool
    oldest: float | None

    @property
    def is_stuck(self) -> bool:
        """Work is there and nobody takes it, though nobody has paused it."""
        return bool(self.stats.queued) and not self.is_staffed and not self.stats.is_paused


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """A worker with the state that its heartbeat tells."""

    info: WorkerInfo
    look: str
    word: str
    queues: str
    heartbeat: str


def queue_lines(
    stats: Sequence[QueueStats], workers: Sequence[WorkerInfo], now: datetime
) -> list[QueueLine]:
    return [_queue_line(one, [w for w in workers if takes(w, one.name)], now) for one in stats]


def takes(info: WorkerInfo, queue: str) -> bool:
    """Tell whether a worker is alive and claims from a queue."""
    names = info.worker.queue_names
    return info.is_healthy and (not names or queue in names)


def worker_line(info: WorkerInfo) -> WorkerLine:
    worker = info.worker
    if worker.stopped_at is not None:
        look, word = ("failed", "Lost") if worker.is_lost else ("cancelled", "Left")
    elif not info.is_healthy:
        look, word = "failed", "Silent"
    else:
        look, word = "succeeded", "Working" if info.active else "Idle"
    pairs = [pair for pair in worker.queues if isinstance(pair, list | tuple) and len(pair) == 2]
    queues = " ".join(f"{name}:{weight}" if weight != 1 else str(name) for name, weight in pairs)
    return WorkerLine(
        info, look, word, queues or "every queue", words.duration(info.seconds_since_heartbeat)
    )


def _queue_line(stats: QueueStats, workers: Sequence[WorkerInfo], now: datetime) -> QueueLine:
    drawing = lane(
        queued=stats.queued, retrying=stats.retrying, pending=stats.pending, running=stats.running,
        slots=sum(w.worker.slots for w in workers), is_paused=stats.is_paused, is_staffed=bool(workers),
    )  # fmt: skip
    oldest = words.between(stats.oldest_queued_at, now) if stats.oldest_queued_at else None
    return QueueLine(stats, drawing, bool(workers), oldest)
