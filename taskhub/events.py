"""Events: attempts that ended, in any process, for any process that asks."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from django.db.models import QuerySet

from taskhub.engines import get_engine
from taskhub.engines.news import get_news
from taskhub.models import Result

OVERLAP = 60.0  # seconds that the transaction which records an attempt may take to commit
_POLL = 1.0  # seconds; news come sooner
_PART = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An attempt that ended; `outcome` is one of `taskhub.models.Outcome`, `state` that of the task when read."""

    id: int
    task_id: int
    name: str
    queue: str
    state: str
    attempt: int
    outcome: str
    error_class: str
    message: str
    worker_name: str
    started_at: datetime
    finished_at: datetime


_COLUMNS = {"name": "task__name", "queue": "task__queue", "state": "task__state"}


class Events:
    """What has ended since a moment, each attempt once; for one thread.

    Ids do not commit in their order: a read would miss what an open transaction has written before others that have
    committed. So each read looks again at all ids of the last OVERLAP seconds and drops what it has given.
    """

    def __init__(
        self, since: datetime | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._alias = get_engine().alias
        self._clock = clock
        self._since = since
        # What is not above the floor is known, or nobody's any more; `_given` are the ids above it.
        self._floor = self._last_before((since or get_engine().now()) - timedelta(seconds=OVERLAP))
        self._given: set[int] = set()
        self._marks: deque[tuple[float, int]] = deque()  # when a read was made, and its highest id
        if since is None:
            self._given |= set(self._new_ids())

    def poll(self) -> list[Event]:
        """Return what has ended since the last call, in the order of the ids; call it outside transactions."""
        began = self._clock()
        ids = [id_ for id_ in self._new_ids() if id_ not in self._given]
        self._given.update(ids)
        self._raise_floor(began)
        found = [
            event
            for start in range(0, len(ids), _PART)
            for event in self._read(ids[start : start + _PART])
        ]
        self._since = None  # what comes from now on is news, however long ago it ended
        return found

    def __iter__(self) -> Iterator[Event]:
        """Yield events for ever, as they come."""
        news = get_news(self._alias)
        while True:
            seen = news.count()
            found = self.poll()
            yield from found
            if not found:
                news.wait(seen, _POLL)

    def _new_ids(self) -> list[int]:
        return list(self._results().filter(id__gt=self._floor).values_list("id", flat=True))

    def _raise_floor(self, read_at: float) -> None:
        """Forget ids which all that was before them has had OVERLAP seconds to join."""
        if self._given:
            self._marks.append((read_at, max(self._given)))
        while self._marks and self._marks[0][0] <= read_at - OVERLAP:
            self._floor = self._marks.popleft()[1]
            self._given = {id_ for id_ in self._given if id_ > self._floor}

    def _read(self, ids: Sequence[int]) -> list[Event]:
        names = [item.name for item in fields(Event)]
        rows = self._results().filter(id__in=ids)
        if self._since is not None:
            rows = rows.filter(finished_at__gte=self._since)
        columns = [_COLUMNS.get(name, name) for name in names]
        return [Event(**dict(zip(names, row, strict=True))) for row in rows.values_list(*columns)]

    def _last_before(self, moment: datetime) -> int:
        """Return the highest id of those before the first attempt that ended after `moment`.

        Ids follow the times closely enough: there is no index of times, and OVERLAP makes good for the rest.
        """
        ends = self._results().values_list("id", "finished_at")
        low, high = 0, (ends.last() or (0, None))[0]
        while low < high:
            middle = (low + high) // 2
            found = ends.filter(id__gt=middle).first()
            if found is None or found[1] >= moment:
                high = middle
            else:
                low = found[0]
        return low

    def _results(self) -> QuerySet[Result]:
        return Result.objects.using(self._alias).order_by("id")


def events(since: datetime | None = None) -> Events:
    """Return the attempts that ended from `since` on (default: from now on): `poll()` it, or iterate for ever.

    An attempt whose worker could not reach the database is told when it is recorded, which may be long after it ended.
    So a process that goes on where another has stopped passes a moment earlier by the longest outage that it wants to
    be proof against, one minute at least, and drops the ids it has.
    """
    return Events(since)
