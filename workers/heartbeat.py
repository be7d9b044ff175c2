"""Heartbeat: a thread of its own with a connection of its own, so that no chore can stop it."""

from __future__ import annotations

import logging
import threading
import time

from django.db.utils import Error

from taskhub import conf
from taskhub.engines import get_engine
from workers import registration, vital
from workers.board import Board, Slot, SlotState

logger = logging.getLogger("taskhub.worker")

_STATEMENT_SECONDS = 2.0


class Heartbeat:
    """Writes signs of life of the worker and of those children that give one on the board."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._thread: threading.Thread | None = None
        self._stop_event = threading.Event()
        self._writing_since: float | None = None

    def has_written_for(self, seconds: float) -> bool:
        """Tell whether each heartbeat of the last `seconds` got through."""
        since = self._writing_since
        return since is not None and time.monotonic() - since >= seconds

    def start(self) -> None:
        self._thread = vital.start(self._run, "taskhub-heartbeat")

    def stop(self) -> None:
        """End it; a statement under way is given the time that it may take."""
        self._stop_event.set()
        if self._thread is not None:
            self._thread.join(_STATEMENT_SECONDS + 1)

    def _run(self) -> None:
        while not self._stop_event.wait(self._beat()):
            pass
        get_engine().connection.close()

    def _beat(self) -> float:
        """Write once; return the seconds until the next time."""
        engine = get_engine()
        interval = conf.get().heartbeat
        began = time.monotonic()
        try:
            engine.limit_statements(_STATEMENT_SECONDS)
            registration.heartbeat(
                [self._board.worker_id, *(slot.worker_id for slot in self._living())]
            )
        except Error as error:
            self._writing_since = None
            logger.warning("A heartbeat was not written: %s", str(error).strip())
            engine.connection.close()
            return min(1.0, interval)
        if time.monotonic() - began > interval:
            self._writing_since = None
        elif self._writing_since is None:
            self._writing_since = time.monotonic()
        return interval

    def _living(self) -> list[Slot]:
        return [
            slot
            for slot in self._board.executors
            if slot.state == SlotState.ALIVE and _gives_sign(slot)
        ]


def _gives_sign(slot: Slot) -> bool:
    """The control thread ticks, or the task holds the interpreter and is within its hard deadline."""
    now = time.monotonic_ns()
    is_ticking = now - slot.tick < conf.get().lease * 0.5e9
    return is_ticking or (slot.task_id != 0 and now < slot.deadline)
