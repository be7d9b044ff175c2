"""The queues that a worker takes from: those it was told, or all that exist."""

from __future__ import annotations

import time
from collections.abc import Mapping

from taskhub import registry
from taskhub.engines import get_engine
from taskhub.queue.claim import Shares

_REFRESH_EVERY = 5.0  # seconds


class KnownQueues:
    """Weights of the queues to claim from; without queues given, of the known tasks' queues and of all with work."""

    def __init__(self, given: Mapping[str, int]) -> None:
        self._takes_all = not given
        names = (
            {definition.queue_name for definition in registry.all_definitions()}
            if self._takes_all
            else set()
        )
        self.shares = Shares(dict(given) or dict.fromkeys(sorted(names), 1))
        self._fresh_until = 0.0

    def expire(self) -> None:
        """Look for queues that are not known before the next claim."""
        self._fresh_until = 0.0

    def refresh_if_due(self) -> None:
        """Ask the database for queues with queued tasks, once in a while and when told to."""
        if self._takes_all and time.monotonic() >= self._fresh_until:
            self._fresh_until = time.monotonic() + _REFRESH_EVERY
            for name in get_engine().queued_names():
                self.shares.add(name)
