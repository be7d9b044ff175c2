"""Hub: who watches what in this process, and what the pulse last found of it. Any thread may call it."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from itertools import count
from typing import Any, NamedTuple, Protocol

from dashboard.live.regions import essence
from dashboard.live.topics import Topic


class Watcher(Protocol):
    """Somebody who watches topics."""

    def poke(self) -> None:
        """Hear that there may be news; called from any thread, and not with the news itself."""


class Fragment(NamedTuple):
    """A part of a topic as it is now; its number grows with each change."""

    number: int
    content: Any


class Hub:
    """Holds one state of each watched topic, the latest. Watchers take from it what they have not seen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._watching: dict[Watcher, frozenset[Topic]] = {}
        self._watchers: dict[Topic, set[Watcher]] = {}
        self._known: dict[Topic, dict[str, Fragment]] = {}
        self._missing: set[Topic] = set()
        self.ahead = 0.0  # seconds by which the database's clock is ahead of this machine's
        self.is_late = False  # the database does not answer, or not in time

    @property
    def is_watched(self) -> bool:
        return bool(self._watchers)

    def watch(self, watcher: Watcher, topics: frozenset[Topic]) -> None:
        """Let a watcher hear of these topics and no others."""
        with self._lock:
            for topic in self._watching.get(watcher, frozenset()) - topics:
                self._forget(topic, watcher)
            for topic in topics:
                self._watchers.setdefault(topic, set()).add(watcher)
            self._watching[watcher] = topics

    def leave(self, watcher: Watcher) -> None:
        """Forget a watcher, and what only it watched."""
        with self._lock:
            for topic in self._watching.pop(watcher, frozenset()):
                self._forget(topic, watcher)

    def _forget(self, topic: Topic, watcher: Watcher) -> None:
        left = self._watchers[topic]
        left.discard(watcher)
        if not left:
            del self._watchers[topic]
            self._known.pop(topic, None)
            self._missing.discard(topic)

    def topics(self) -> dict[Topic, bool]:
        """Return what is watched; true where it has been found already."""
        with self._lock:
            return {
                topic: topic in self._known or topic in self._missing for topic in self._watchers
            }

    def put(self, found: Mapping[Topic, Mapping[str, Any] | None]) -> bool:
        """Take what the pulse found, None for what does not exist; poke those for whom it is new, if there are any."""
        poked: set[Watcher] = set()
        with self._lock:
            for topic, parts in found.items():
                if topic in self._watchers and self._take(topic, parts):
                    poked |= self._watchers[topic]
        for watcher in poked:
            watcher.poke()
        return bool(poked)

    def _take(self, topic: Topic, parts: Mapping[str, Any] | None) -> bool:
        if parts is None:
            is_news = topic not in self._known and topic not in self._missing
            self._missing.add(topic)
            return is_news  # what was there once stays as it was last seen
        self._missing.discard(topic)
        known = self._known.setdefault(topic, {})
        changed = {
            name: Fragment(next(self._numbers), content)
            for name, content in parts.items()
            if name not in known or essence(known[name].content) != essence(content)
        }
        known.update(changed)
        return bool(changed)

    def tell_late(self, is_late: bool) -> None:
        """Tell all watchers when the database stops to answer in time, and when it does so again."""
        with self._lock:
            watchers = list(self._watching) if is_late != self.is_late else []
            self.is_late = is_late
        for watcher in watchers:
            watcher.poke()

    def is_settled(self, topics: Iterable[Topic]) -> bool:
        """Tell whether each of these has been looked for."""
        with self._lock:
            return all(topic in self._known or topic in self._missing for topic in topics)

    def are_missing(self, topics: Collection[Topic]) -> bool:
        """Tell whether one of these was never there."""
        with self._lock:
            return any(topic in self._missing and topic not in self._known for topic in topics)

    def unseen(
        self, topics: Iterable[Topic], seen: Mapping[tuple[Topic, str], int]
    ) -> list[tuple[Topic, str, Fragment]]:
        """Return the parts of topics that are newer than what was seen of them."""
        with self._lock:
            return [
                (topic, name, part)
                for topic in topics
                for name, part in self._known.get(topic, {}).items()
                if seen.get((topic, name), 0) < part.number
            ]


def get_hub() -> Hub:
    """Return this process's hub."""
    return _hub(os.getpid())


@cache
def _hub(pid: int) -> Hub:
    return Hub()
