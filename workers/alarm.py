"""The alarm: interrupts the task that runs in the main thread by a signal, also in a blocking call."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from taskhub.context import Run
from workers.interruption import REPEAT, asked_to_stop, nothing, too_late


class Alarm:
    """Signal handlers of an executor's main thread. A shot hits only the run that is armed when it arrives."""

    def __init__(self) -> None:
        self._armed: Run | None = None
        self._to_abort: Run | None = None
        signal.signal(signal.SIGALRM, self._on_timeout)
        signal.signal(signal.SIGUSR1, self._on_abort)

    def arm(self, run: Run, poke: Callable[[], object] = nothing) -> None:
        self._armed = run  # a signal ends a blocking call by itself
        signal.setitimer(signal.ITIMER_REAL, max(0.001, run.deadline - time.monotonic()), REPEAT)

    def disarm(self, run: Run) -> None:
        self._armed = None

    def rest(self) -> None:
        """Stop the timer; until then it runs on from task to task and finds nobody late."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def abort(self, run: Run) -> None:
        self._to_abort = run
        if self._armed is run:
            signal.pthread_kill(threading.main_thread().ident or os.getpid(), signal.SIGUSR1)

    def _on_timeout(self, signum: int, frame: FrameType | None) -> None:
        run = self._armed
        if run is not None and time.monotonic() >= run.deadline:
            raise too_late(run)

    def _on_abort(self, signum: int, frame: FrameType | None) -> None:
        if self._armed is not None and self._armed is self._to_abort:
            raise asked_to_stop()
