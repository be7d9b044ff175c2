"""Heartbeat: a thread of its own with a connection of its own, so that no chore can stop it."""

from __future__ import annotations

import logging
import threading
import time

from django.db.utils import Error

from taskhub import conf
from taskhub.engines import get_engine
from workers import registration, vital
from workers.board import Board, Child, ChildState
from workers.persistence import be_patient_for
from workers.statistics import Statistics, of_child, of_worker

logger = logging.getLogger("taskhub.worker")

_STATEMENT_SECONDS = 2.0


class Heartbeat:
    """Writes signs of life of the worker and of those children that give one on the board."""

    def __init__(self, board: Board, supervisor_pid: int) -> None:
        self.writing = threading.Lock()  # held while something is written that the board says
        self._board, self._supervisor_pid = board, supervisor_pid
        self._thread: threading.Thread | None = None
        self._stop_event = threading.Event()
        self._writing_since: float | None = None
        self._written_at = 0.0

    def has_written_for(self, seconds: float) -> bool:
        """Tell whether each heartbeat of the last `seconds` got through."""
        now, since = time.monotonic(), self._writing_since
        return since is not None and now - since >= seconds and self._is_on_time(now)

    def _is_on_time(self, now: float) -> bool:
        """Tell whether no heartbeat is missing until now: one is when the whole machine stood still for a while."""
        return now - self._written_at < 2 * conf.get().heartbeat

    def start(self) -> None:
        self._thread = vital.start(self._run, "taskhub-heartbeat")

    def stop(self) -> None:
        """End it; a statement under way is given the time that it may take."""
        self._stop_event.set()
        if self._thread is not None:
            self._thread.join(_STATEMENT_SECONDS + 1)

    def _run(self) -> None:
        be_patient_for(locks=_STATEMENT_SECONDS, statements=_STATEMENT_SECONDS)
        while not self._stop_event.wait(self._beat()):
            pass

    def _beat(self) -> float:
        """Write once; return the seconds until the next time."""
        interval = conf.get().heartbeat
        began = time.monotonic()
        try:
            self._write()
        except Error as error:
            self._writing_since = None
            logger.warning("A heartbeat was not written: %s", str(error).strip())
            get_engine().connection.close()
            return min(1.0, interval)
        now = time.monotonic()
        if now - began > interval:
            self._writing_since = None
        elif self._writing_since is None or not self._is_on_time(began):
            self._writing_since = now
        self._written_at = now
        return interval

    def _write(self) -> None:
        """Write while no child is being buried, but wait for that no longer than a heartbeat may take."""
        is_alone = self.writing.acquire(timeout=_STATEMENT_SECONDS)
        try:
            registration.heartbeat(self._signs())
        finally:
            if is_alone:
                self.writing.release()

    def _signs(self) -> dict[int, Statistics]:
        signs = {
            child.worker_id: of_child(child)
            for child in self._board.children
            if child.state == ChildState.ALIVE and gives_sign(child)
        }
        return {self._board.worker_id: of_worker(self._board, self._supervisor_pid), **signs}


def gives_sign(child: Child) -> bool:
    """The control thread ticks, or a task holds the interpreter and is within its hard deadline."""
    return child.silence() < conf.get().lease / 2 or child.is_within_a_deadline
