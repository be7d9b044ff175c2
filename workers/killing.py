"""Killing: the supervisor ends children whose task is overdue, that give no sign of life, or that outlast a stop."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable

from taskhub import conf
from workers.board import Board, Child, Death
from workers.heartbeat import gives_sign

logger = logging.getLogger("taskhub.worker")

_STOOD_STILL = 0.4  # seconds later than intended: this process was not awake all the time


class Killing:
    """Looks at the board and kills who is due. Stops a process first and looks again: the next task may run there."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._look_at = self._awake_since = time.monotonic()

    def expect(self, seconds: float) -> None:
        """Take note that it will be called that much later."""
        self._look_at = time.monotonic() + seconds

    def kill_overdue(self, *, must_stop: bool) -> None:
        """Kill who is due; all that run tasks when they `must_stop`."""
        can_tell_silence = self._has_been_awake_for(conf.get().lease / 2)
        for child in self._board.children:
            if not child.is_up or child.death:
                continue
            if death := _overdue(child):
                _kill(child, death, lambda child: _overdue(child) is not None)
            elif must_stop:
                _kill(child, Death.SHUTDOWN, lambda _: True)
            elif can_tell_silence and not gives_sign(child):
                _kill(child, Death.SILENT, lambda child: not gives_sign(child))
        maintenance = self._board.maintenance
        is_silent = maintenance.is_up and maintenance.silence() > conf.get().lease / 2
        if can_tell_silence and is_silent:
            logger.error("The maintenance child gives no sign of life and is replaced.")
            os.kill(maintenance.pid, signal.SIGKILL)

    def _has_been_awake_for(self, seconds: float) -> bool:
        """Tell whether this process has looked all the time: after SIGSTOP all children look silent, and are not."""
        now = time.monotonic()
        if now - self._look_at > _STOOD_STILL:
            self._awake_since = now
        return now - self._awake_since > seconds

    def kill_the_rest(self) -> None:
        """Leave nobody behind: without a database nothing can be given back, and others rescue it later."""
        for child in self._board.all:
            if child.is_up and child.pid:
                logger.error("Child %d could not sign off and is killed.", child.number)
                os.kill(child.pid, signal.SIGKILL)
                os.waitpid(child.pid, 0)


def _kill(child: Child, death: Death, is_still_due: Callable[[Child], bool]) -> None:
    """Stop, look again, then kill or go on: without that most kills at a deadline would hit the next task."""
    os.kill(child.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    if not is_still_due(child):
        os.kill(child.pid, signal.SIGCONT)
        return
    for slot in child.slots:
        slot.is_culprit = slot.overdue is not None
    child.death = death
    os.kill(child.pid, signal.SIGKILL)


def _overdue(child: Child) -> Death | None:
    """Return why a child is to be killed for what it runs, if it is."""
    return next((death for slot in child.slots if (death := slot.overdue)), None)
