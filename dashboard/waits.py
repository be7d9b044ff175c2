"""Waits: how long the oldest task had waited in each of the last minutes."""

from __future__ import annotations

from datetime import datetime, timedelta

from dashboard.rates import MINUTES
from taskhub.metrics import oldest_waits
from taskhub.metrics.tally import MINUTE, floor, moment


def oldest(
    now: datetime, oldest_at: datetime | None, queue: str | None = None
) -> list[float | None]:
    """Return seconds for each minute, in one query: what a worker saw, and what the task shows that waits now.

    That one (enqueued at `oldest_at`) has waited ever since, whether a worker was there to see it or not.
    """
    since = now - timedelta(minutes=MINUTES - 1)
    seen = oldest_waits(since, now, queue)
    first = moment(floor(int(since.timestamp()), MINUTE))
    return [
        _longer(value, _by(min(first + timedelta(minutes=number + 1), now), oldest_at))
        for number, value in enumerate(seen)
    ]


def _by(at: datetime, oldest_at: datetime | None) -> float | None:
    return None if oldest_at is None or oldest_at >= at else (at - oldest_at).total_seconds()


def _longer(one: float | None, other: float | None) -> float | None:
    return max((value for value in (one, other) if value is not None), default=None)
