"""News: one waiter for all threads of a process that wait for results."""

from __future__ import annotations

import os
import threading
import time
from functools import cache

from django.db import connections

from taskhub.engines import get_engine
from taskhub.engines.wakeups import HOT_SECONDS, Kind, Waiter

_IDLE_SECONDS = 10.0


class News:
    """A thread that waits for the engine's wake-ups while anybody in this process waits for a result."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self._changed = threading.Condition()
        self._count = 0
        self._woken_at = 0.0
        self._waiting = 0
        self._thread: threading.Thread | None = None
        self._waiter: Waiter | None = None
        self._is_closing = False

    def close(self) -> None:
        """End the thread and its connection, as before a test database is destroyed; the next wait starts another."""
        thread, self._is_closing = self._thread, True
        if thread is not None and thread.is_alive():
            with self._changed:
                if self._waiter is not None:
                    self._waiter.interrupt()
            thread.join()
        self._is_closing = False

    def count(self) -> int:
        """Return how much news there has been: take it before you look, and pass it to `wait`."""
        return self._count

    def stir(self) -> None:
        """Let those who wait look again: there is something else to look for."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def wait(self, seen: int, timeout: float) -> None:
        """Return when there is news after `seen`, or soon after a wake-up (it may have been one of several merged)."""
        with self._changed:
            self._waiting += 1
            try:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(
                        target=self._run, name=f"taskhub-news-{self.alias}", daemon=True
                    )
                    self._thread.start()
                if time.monotonic() - self._woken_at < HOT_SECONDS:
                    timeout = min(timeout, HOT_SECONDS / 4)
                self._changed.wait_for(lambda: self._count != seen, timeout)
            finally:
                self._waiting -= 1

    def _run(self) -> None:
        waiter = self._waiter = get_engine(self.alias).waiter()
        try:
            idle_since = time.monotonic()
            while not self._is_closing and time.monotonic() - idle_since < _IDLE_SECONDS:
                wakes = waiter.wait(0.5)
                with self._changed:
                    if self._waiting:
                        idle_since = time.monotonic()
                    if any(wake.kind in (Kind.FINISHED, Kind.ANY) for wake in wakes):
                        self._count += 1
                        self._woken_at = time.monotonic()
                        self._changed.notify_all()
        finally:
            with self._changed:
                self._waiter = None
            waiter.close()
            get_engine(self.alias).connection.close()


def get_news(alias: str) -> News:
    """Return this process's news of a database (a forked child has its own)."""
    return _news(alias, os.getpid())


def close_all() -> None:
    """Close the news of all databases of this process."""
    for alias in connections:
        get_news(alias).close()


@cache
def _news(alias: str, pid: int) -> News:
    return News(alias)
