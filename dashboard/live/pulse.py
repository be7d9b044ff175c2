"""Pulse: the one thread of a process that reads for all who watch, and only while somebody does."""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import closing
from functools import cache

from django.db import DatabaseError, InterfaceError, connections
from django.utils import timezone

from dashboard.live.hub import Hub, get_hub
from dashboard.live.look import Look
from taskhub.engines import get_engine
from taskhub.engines.wakeups import Waiter

logger = logging.getLogger("taskhub.live")

GLANCE = 0.1  # seconds between questions whether anything has changed, where nobody tells
LEAST = 0.25  # seconds from one look to the next: at most four a second
QUIET = 1.0  # seconds between looks that find nothing new, where the database cannot say whether it has changed
SHARE = 2  # it rests so many times as long as it has looked: the database gives it a third of one session
LINGER = 5.0  # seconds that it goes on without watchers, for those who only turn a page
SLOWEST = 10.0  # seconds between looks where the database hardly answers
CUT = 3.0  # seconds after which the database gives up a statement of ours


class Pulse:
    """Looks when the database tells of news, at most four times a second and for a third of the time."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._waiter: Waiter | None = None
        self._is_closing = False
        self._mark: object = None
        self._watched_at = 0.0

    @property
    def is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def nudge(self) -> None:
        """Have it look soon: somebody watches something else. Any thread may call this."""
        with self._lock:
            if not self.is_running:
                self._thread = threading.Thread(target=self._run, name="taskhub-pulse", daemon=True)
                self._thread.start()
            elif self._waiter is not None:
                self._waiter.interrupt()

    def close(self) -> None:
        """End the thread and its connection, as before a test database is destroyed."""
        thread, self._is_closing = self._thread, True
        if thread is not None:
            thread.join()
        self._is_closing = False

    def _run(self) -> None:
        try:
            with closing(get_engine().waiter()) as waiter:
                self._waiter = waiter
                try:
                    self._beat(waiter)
                finally:
                    with self._lock:
                        self._waiter = None
        finally:
            connections.close_all()

    def _beat(self, waiter: Waiter) -> None:
        look, pause, self._mark, self._watched_at = Look(), 0.0, object(), time.monotonic()
        while not self._is_over():
            began = time.monotonic()
            try:
                pause = self._look(look, pause)
            except Exception as error:  # noqa: BLE001  # the loop that keeps this part alive
                look, pause = Look(), self._complain(error, pause)  # what it had seen was not told
            else:
                self._hub.tell_late(False)
            if pause:
                took = time.monotonic() - began
                time.sleep(min(SLOWEST, max(pause - took, SHARE * took)))
            if waiter.wait(GLANCE):
                waiter.look_often()

    def _look(self, look: Look, pause: float) -> float:
        """Look, unless nothing has changed since the last look; return the seconds that it then rests at least."""
        topics = self._hub.topics()
        if not topics:
            return 0.0
        engine = get_engine()
        if engine.connection.connection is None:
            engine.limit_waits(locks=1.0, statements=CUT)
            self._hub.ahead = (engine.now() - timezone.now()).total_seconds()
        mark, before = engine.change_mark(), self._mark
        has_changed = mark is None or mark != before
        if not has_changed and not look.is_due(topics):
            return 0.0
        has_news = self._hub.put(look.at(topics, has_changed=has_changed))
        self._mark = mark
        # Where the database has no mark to go by, what does not change is asked for less often.
        return LEAST if has_news or mark is not None else min(QUIET, max(LEAST, pause) * 1.5)

    def _is_over(self) -> bool:
        with self._lock:
            if self._hub.is_watched:
                self._watched_at = time.monotonic()
            if self._is_closing or time.monotonic() - self._watched_at > LINGER:
                self._thread = None
                return True
            return False

    def _complain(self, error: Exception, pause: float) -> float:
        """Say what is wrong, once; return how long to leave the database alone."""
        is_database = isinstance(error, DatabaseError | InterfaceError | OSError)
        if not self._hub.is_late:
            logger.warning(
                "Live pages are late: %s", error, exc_info=None if is_database else error
            )
        self._hub.tell_late(True)
        connections.close_all()
        return min(SLOWEST, max(LEAST, pause) * 2)


def get_pulse() -> Pulse:
    """Return this process's pulse."""
    return _pulse(os.getpid())


@cache
def _pulse(pid: int) -> Pulse:
    return Pulse(get_hub())
