"""Napping: how long a control thread has nothing to do unless somebody rings its bell."""

from __future__ import annotations

import time

from taskhub import conf
from taskhub.engines.wakeups import HOT_SECONDS
from workers.bell import NEW_QUEUE, WORK, Lifeline
from workers.board import Board, Child
from workers.cancellation import Cancellation
from workers.intake import Intake
from workers.options import WorkerOptions
from workers.prefetch import STUCK_AFTER
from workers.recording import Recording

_LOOK_EVERY = 1.0  # seconds between looks while a task runs: cancellation, memory
_IDLE_SECONDS = 60.0  # without being woken; maintenance looks more often, for all children


class Napping:
    """Decides how long, and sleeps with signs of life."""

    def __init__(
        self,
        options: WorkerOptions,
        board: Board,
        child: Child,
        lifeline: Lifeline,
        intake: Intake,
        recording: Recording,
        cancellation: Cancellation,
    ) -> None:
        self._options, self._board, self._child, self._lifeline = options, board, child, lifeline
        self._intake, self._recording, self._cancellation = intake, recording, cancellation
        self._woken_at = 0.0

    def seconds(self) -> float:
        """Return how long there is nothing to do."""
        waiting, outbox = len(self._child.tray), self._recording.outbox
        if outbox:
            if not waiting or self._board.stop:
                return 0.0
            return outbox.seconds_left(self._intake.patience)
        if self._recording.is_late:
            return 0.0
        if waiting:
            return min(STUCK_AFTER / 2, self._until_report())
        token = self._intake.queues.shares.seconds_to_token
        if self._intake.holdings:
            busy = self._while_busy()
            return busy if token is None else min(busy, token)
        if token is not None:
            return min(token, _LOOK_EVERY)
        if self._options.is_draining or time.monotonic() - self._woken_at < HOT_SECONDS:
            return HOT_SECONDS / 3
        return _IDLE_SECONDS

    def _while_busy(self) -> float:
        if not self._recording.running:
            return 0.01  # somebody is about to start it
        nap = min(_LOOK_EVERY, self._until_report())
        return min(nap, 0.1) if self._board.stop or self._cancellation.is_climbing else nap

    def _until_report(self) -> float:
        seconds = self._recording.seconds_to_next()
        return _IDLE_SECONDS if seconds is None else seconds

    def sleep(self, seconds: float) -> bytes:
        """Wait for the bell, with signs of life; return what was said."""
        said, until = b"", time.monotonic() + seconds
        at_once = conf.get().lease / 10
        while not said and not self._lifeline.is_torn:
            left = until - time.monotonic()
            said = self._child.bell.wait(min(left, at_once), self._lifeline)
            self._child.tick = time.monotonic_ns()
            if left <= at_once:
                break
        if WORK in said or NEW_QUEUE in said:
            self._woken_at = time.monotonic()
        return said
