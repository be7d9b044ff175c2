"""Purging: what a purge would cancel, counted exactly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Min
from django.utils import timezone

from dashboard.words import between
from taskhub import monitor
from taskhub.states import WAITING, TaskState

_ORDER = (TaskState.QUEUED, TaskState.RETRYING, TaskState.PENDING)


@dataclass(frozen=True, slots=True)
class Part:
    """The waiting tasks of one state; `share` of the largest part, in units of the drawing (0 to 112)."""

    state: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Preview:
    queue: str
    counted_at: datetime
    parts: list[Part]
    running: int
    first: datetime | None = None
    last: datetime | None = None

    @property
    def total(self) -> int:
        return sum(part.count for part in self.parts)

    @property
    def span(self) -> float:
        """Seconds between the enqueue of the oldest and of the newest."""
        return between(self.first, self.last) if self.first and self.last else 0.0


def preview(queue: str) -> Preview:
    """Count what waits in a queue, by state, with its age span."""
    tasks = monitor.tasks().filter(queue=queue, finished_at__isnull=True).order_by()
    waiting = tasks.filter(state__in=sorted(WAITING)).values_list("state")
    found = {
        state: (number, first, last)
        for state, number, first, last in waiting.annotate(
            n=Count("id"), first=Min("enqueued_at"), last=Max("enqueued_at")
        )
    }
    most = max((number for number, _, _ in found.values()), default=1)
    parts = [
        Part(state, found[state][0], round(112 * found[state][0] / most, 1))
        for state in _ORDER
        if state in found
    ]
    return Preview(
        queue=queue,
        counted_at=timezone.now(),
        parts=parts,
        running=tasks.filter(state=TaskState.RUNNING).count(),
        first=min((first for _, first, _ in found.values()), default=None),
        last=max((last for _, _, last in found.values()), default=None),
    )
