"""The alarm: raises TaskTimeout and TaskAborted inside the task that the main thread runs."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType

from taskhub.context import Run
from taskhub.errors import TaskAborted, TaskTimeout

_REPEAT = 0.25  # seconds: a shot raised inside __del__ or a logging handler is swallowed, so it is fired again


class Alarm:
    """Signal handlers of an executor's main thread. A shot hits only the run that is armed when it arrives."""

    def __init__(self) -> None:
        self._armed: Run | None = None
        self._to_abort: Run | None = None
        signal.signal(signal.SIGALRM, self._on_timeout)
        signal.signal(signal.SIGUSR1, self._on_abort)

    def arm(self, run: Run) -> None:
        """Begin to guard a run; call right before user code."""
        self._armed = run
        signal.setitimer(signal.ITIMER_REAL, max(0.001, run.deadline - time.monotonic()), _REPEAT)

    def disarm(self) -> None:
        """End the guard; call right after user code, also after an exception (which may be our own)."""
        self._armed = None
        signal.setitimer(signal.ITIMER_REAL, 0)

    def abort(self, run: Run) -> None:
        """From another thread: raise TaskAborted in a run, if it is still the one that runs. May be repeated."""
        self._to_abort = run
        if self._armed is run:
            signal.pthread_kill(threading.main_thread().ident or os.getpid(), signal.SIGUSR1)

    def _on_timeout(self, signum: int, frame: FrameType | None) -> None:
        run = self._armed
        if run is not None and time.monotonic() >= run.deadline:
            raise TaskTimeout(
                f"The task ran longer than its timeout of {run.definition.timeout:g} s."
            )

    def _on_abort(self, signum: int, frame: FrameType | None) -> None:
        if self._armed is not None and self._armed is self._to_abort:
            raise TaskAborted("The task was asked to stop.")
