"""Look: one reading of all that is watched. Its cost depends on what changed, and is bounded; not on the watchers."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.utils import timezone

from dashboard.live.closing import Refusal
from dashboard.live.newest import newest_of
from dashboard.live.rendering import find, lines_of, regions_of
from dashboard.live.stamps import Stamp, stamps_of
from dashboard.live.topics import Audience, Newest, Page, Row, Topic, Visit
from dashboard.visits.words import visits_of
from taskhub.engines import get_engine

Found = dict[Topic, Mapping[str, Any] | None]
T = TypeVar("T", bound=Page | Newest)

logger = logging.getLogger("taskhub.live")

MOST_PAGES = 8  # rendered in one look; more take turns
MOST_LISTS = 4
REST = 30.0  # seconds
ANYWAY = 2.0  # seconds: pages also tell what has not happened, such as a heartbeat
SHARE = 4  # a page rests so many times as long as it took, unless its own task has changed


class Look:
    """Remembers what it has seen, so that the next look finds what changed."""

    def __init__(self) -> None:
        self._stamps: dict[int, Stamp] = {}
        self._shown_at: dict[Topic, float] = {}
        self._rests_until: dict[Topic, float] = {}
        self._changed_at = 0.0

    def is_due(self, topics: Mapping[Topic, bool]) -> bool:
        """Tell whether there is something to look for though the database has not changed."""
        now = time.monotonic()
        return not all(topics.values()) or any(
            self._is_stale(topic, now) and self._has_rested(topic, now)
            for topic in topics
            if isinstance(topic, Page | Newest)
        )

    def at(self, topics: Mapping[Topic, bool], *, has_changed: bool) -> Found:
        """Read and render what may have changed of these topics; those that map to False were never found yet."""
        now = time.monotonic()
        if has_changed:
            self._changed_at = now
        self._forget(topics)
        moved = self._moved(topics)
        found: Found = {}
        at = timezone.now()
        found |= _rows(
            [t for t in topics if isinstance(t, Row) and self._is_new(t, topics, moved)], at
        )
        found |= visits_of(
            [t for t in topics if isinstance(t, Visit) and self._is_new(t, topics, moved)]
        )
        for page in self._next(Page, topics, moved, MOST_PAGES):
            found[page] = self._attempt(page, regions_of)
        for newest in self._next(Newest, topics, moved, MOST_LISTS):
            found[newest] = self._attempt(newest, newest_of)
        return found

    def _attempt(
        self, topic: T, read: Callable[[T], Mapping[str, Any] | None]
    ) -> Mapping[str, Any] | None:
        """Read a topic; one that fails, or that the database cuts off, rests for a while and spoils no other."""
        began = time.monotonic()
        try:
            return read(topic)
        except Exception:  # around the views of the site's own pages
            if not get_engine().connection.is_usable():
                raise
            logger.exception("A live page failed, and rests for %g s: %r", REST, topic)
            self._shown_at[topic] = time.monotonic() + REST
            return None
        finally:
            over = time.monotonic()
            self._rests_until[topic] = over + SHARE * (over - began)

    def _moved(self, topics: Mapping[Topic, bool]) -> set[int]:
        """Return the watched tasks that are not as they were at the last look."""
        ids = {task_id for topic in topics if (task_id := _task_of(topic)) is not None}
        before, self._stamps = self._stamps, stamps_of(ids) if ids else {}
        return {one for one, stamp in self._stamps.items() if before.get(one, ()) != stamp}

    @staticmethod
    def _is_new(topic: Row | Visit, topics: Mapping[Topic, bool], moved: set[int]) -> bool:
        return not topics[topic] or topic.task_id in moved

    def _next(
        self, kind: type[T], topics: Mapping[Topic, bool], moved: set[int], most: int
    ) -> Sequence[T]:
        """Choose what to show now: first what is known to be new, then what was shown longest ago."""
        now = time.monotonic()
        mine = [t for t in topics if isinstance(t, kind)]
        hurried = {t for t in mine if not topics[t] or _task_of(t) in moved}
        due = [
            t
            for t in mine
            if not topics[t]
            or (self._is_stale(t, now) and (t in hurried or self._has_rested(t, now)))
        ]
        due.sort(key=lambda t: self._shown_at.get(t, 0.0))
        chosen = [t for t in due if t in hurried][: most - most // 4]
        chosen = [*chosen, *(t for t in due if t not in chosen)][:most]
        self._shown_at |= dict.fromkeys(chosen, now)
        return chosen

    def _is_stale(self, topic: Topic, now: float) -> bool:
        shown_at = self._shown_at.get(topic, 0.0)
        return shown_at <= self._changed_at or now - shown_at >= ANYWAY

    def _has_rested(self, topic: Topic, now: float) -> bool:
        return now >= self._rests_until.get(topic, 0.0)

    def _forget(self, topics: Mapping[Topic, bool]) -> None:
        self._shown_at = {topic: at for topic, at in self._shown_at.items() if topic in topics}
        self._rests_until = {
            topic: at for topic, at in self._rests_until.items() if topic in topics
        }


def _rows(rows: Iterable[Row], at: datetime) -> Found:
    by_audience: dict[Audience, list[Row]] = defaultdict(list)
    for row in rows:
        by_audience[row.audience].append(row)
    found: Found = {}
    for audience, some in by_audience.items():
        lines = lines_of((row.task_id for row in some), audience, at)
        found |= {row: {"": lines.get(row.task_id)} for row in some}
    return found


def _task_of(topic: Topic) -> int | None:
    """Return the id of the task that a topic is about."""
    if isinstance(topic, Row | Visit):
        return topic.task_id
    if isinstance(topic, Page):
        try:
            return find(topic.path, topic.audience.language).kwargs.get("task_id")
        except Refusal:
            return None
    return None
