"""Background: a thread of a worker's process that calls what must not hold up its tasks; elsewhere calls are direct."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from django.db import close_old_connections, connections

logger = logging.getLogger("taskhub.events")

MOST = 10_000  # calls that wait; more are dropped
FAREWELL = 2.0  # seconds that a worker which leaves gives to those that wait
_WARN_EVERY = 10.0  # seconds


class Background:
    """Calls functions one after the other, in their order, in a daemon thread."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._dropped, self._warned_at = 0, 0.0
        self._is_ending, self._lock = False, threading.RLock()
        self._thread = threading.Thread(target=self._run, name="taskhub-events", daemon=True)
        self._thread.start()

    @property
    def is_here(self) -> bool:
        """The caller is a function that this thread has called."""
        return threading.current_thread() is self._thread

    def add(self, call: Callable[[], object]) -> bool:
        """Have it called; where too many wait already it is dropped, and the log says so. False: this thread ends."""
        with self._lock:
            if self._is_ending:
                return False
            if self._calls.qsize() < MOST:
                self._calls.put(call)
            else:
                self._drop()
        return True

    def _drop(self) -> None:
        self._dropped += 1
        now = time.monotonic()
        if now - self._warned_at >= _WARN_EVERY:
            self._warned_at = now
            logger.error(
                "Handlers of task events are too slow: %d calls wait, %d have been dropped so far.",
                MOST, self._dropped,
            )  # fmt: skip

    def end(self, seconds: float) -> bool:
        """Let the thread end once what was added has been called; wait at most so long, and return whether it has."""
        with self._lock:
            self._is_ending = True
            self._calls.put(None)
        if not self.is_here:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while (call := self._next()) is not None:
                try:
                    call()
                except BaseException:  # the boundary around the site's code: also sys.exit()
                    logger.exception("A handler of task events failed.")
        finally:
            connections.close_all()

    def _next(self) -> Callable[[], object] | None:
        try:
            return self._calls.get(timeout=1.0)
        except Empty:
            close_old_connections()
            return self._calls.get()


def start() -> None:
    """Call in the background from now on, in this process."""
    _here(os.getpid(), make=True)


def do(call: Callable[[], object]) -> None:
    """Call a function: in the background in a worker's process, at once anywhere else."""
    background = _here(os.getpid())
    if background is None or background.is_here or not background.add(call):
        call()


def stop(seconds: float = FAREWELL) -> bool:
    """Call directly again, once what waits has been called; wait for that at most so long, and return whether it was.

    A call that hangs keeps its thread until it returns, or the process ends.
    """
    background = _backgrounds.pop(os.getpid(), None)
    return background is None or background.end(seconds)


_backgrounds: dict[int, Background] = {}  # by process: a forked child has none of its parent's


def _here(pid: int, *, make: bool = False) -> Background | None:
    if make and pid not in _backgrounds:
        _backgrounds[pid] = Background()
    return _backgrounds.get(pid)
