"""Waits: minute by minute, how long the task had waited that had waited longest, as a worker saw it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from math import ceil

from django.db.models import Max

from taskhub.engines import get_engine
from taskhub.metrics.tally import MINUTE, floor, moment
from taskhub.models import OldestWait
from taskhub.queue.fronts import oldest_queued

PATIENCE = 0.25  # seconds that a write waits for somebody's lock; on MySQL it is one


class Lookout:
    """Looks along the queues once a minute. Of all workers the first one in a minute writes down what it saw."""

    def __init__(self) -> None:
        self._minute = 0

    def look(self, queues: Sequence[str]) -> None:
        """Write down how long the oldest queued task of each of these queues has waited; nothing if it did lately.

        Raises:
            DatabaseError: it looks again in the next minute.
        """
        minute = floor(int(time.time()), MINUTE)
        if minute == self._minute or not queues:
            return
        self._minute = minute
        engine = get_engine()
        now = engine.now()
        start_at = moment(floor(int(now.timestamp()), MINUTE))
        rows = OldestWait.objects.using(engine.alias)
        if rows.filter(start_at=start_at).exists():
            return
        seen = [
            OldestWait(start_at=start_at, queue=name, seconds=max(0.0, (now - at).total_seconds()))
            for name, at in oldest_queued(queues).items()
        ]
        with engine.impatient(PATIENCE):
            rows.bulk_create(seen, ignore_conflicts=True)


def oldest_waits(
    since: datetime, until: datetime | None = None, queue: str | None = None
) -> list[float | None]:
    """Return the longest wait in seconds for each minute, those for which `series` returns points.

    None where nothing was waiting when a worker looked, or no worker did.
    """
    until = until or get_engine().now()
    starts = range(floor(int(since.timestamp()), MINUTE), ceil(until.timestamp()), MINUTE)
    rows = OldestWait.objects.using(get_engine().alias).filter(
        start_at__gte=moment(starts.start),
        start_at__lt=moment(starts.stop),
        **({} if queue is None else {"queue": queue}),
    )
    found = rows.order_by().values_list("start_at").annotate(longest=Max("seconds"))
    longest = {int(start_at.timestamp()): seconds for start_at, seconds in found}
    return [longest.get(start) for start in starts]
