"""Supervisor: forks children, restarts them, stops and kills them. It has no database connection and no threads."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

from django.db import connections

from taskhub import registry
from workers.bell import STOP, Bell
from workers.board import Board, Death, Slot, SlotState, Stop
from workers.executor import Executor
from workers.maintenance import Maintenance
from workers.options import WorkerOptions

logger = logging.getLogger("taskhub.worker")

_LOOK_EVERY = 0.1  # seconds
_CRASH_SECONDS = 2.0  # a child that lives shorter is started again with a growing pause
_LONGEST_PAUSE = 10.0


class Supervisor:
    """One `runworker`: a maintenance child in slot 0 and executors in the others."""

    def __init__(self, options: WorkerOptions) -> None:
        self._options = options
        self._board = Board(1 + options.processes)
        self._bells = [Bell() for _ in self._board.slots]
        self._bell = Bell()  # rung by signals
        self._start_after = [0.0] * len(self._board.slots)
        self._pauses = [0.0] * len(self._board.slots)
        self._stop_deadline: float | None = None

    def run(self) -> int:
        """Work until told to stop (SIGTERM or SIGINT, twice: at once) or, when draining, until nothing is left."""
        registry.load()
        connections.close_all()
        self._catch_signals()
        gc.collect()
        gc.freeze()
        while self._is_needed():
            self._reap()
            self._start_missing()
            self._kill_overdue()
            self._bell.wait(_LOOK_EVERY)
        return 0

    def _is_needed(self) -> bool:
        return not self._board.stop or any(
            slot.state != SlotState.FREE for slot in self._board.slots
        )

    # -- children ---------------------------------------------------------------------------------------------------

    def _start_missing(self) -> None:
        now = time.monotonic()
        for slot in self._board.slots:
            is_wanted = not self._board.stop or (slot.number == 0 and self._are_executors_left())
            if slot.state == SlotState.FREE and is_wanted and now >= self._start_after[slot.number]:
                self._fork(slot)

    def _are_executors_left(self) -> bool:
        return any(slot.state != SlotState.FREE for slot in self._board.executors)

    def _fork(self, slot: Slot) -> None:
        slot.clear()
        slot.born_at = time.monotonic_ns()
        slot.state = SlotState.STARTING
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            slot.pid = pid
            return
        self._become(slot)

    def _become(self, slot: Slot) -> None:
        """The life of a child: never returns."""
        code = 1
        try:
            _ignore_signals()
            signal.set_wakeup_fd(-1)
            main: Callable[[], None]
            if slot.number == 0:
                main = Maintenance(self._options, self._board, self._bells).run
            else:
                main = Executor(self._options, self._board, slot, self._bells[slot.number]).run
            main()
            code = 0
        except BaseException:
            logger.exception("A child of the worker failed.")
        finally:
            logging.shutdown()
            os._exit(code)

    def _reap(self) -> None:
        for slot in self._board.slots:
            if slot.state not in (SlotState.STARTING, SlotState.ALIVE) or not slot.pid:
                continue
            pid, status = os.waitpid(slot.pid, os.WNOHANG)
            if pid:
                self._note_death(slot, os.waitstatus_to_exitcode(status))

    def _note_death(self, slot: Slot, code: int) -> None:
        if slot.death == Death.SHUTDOWN:
            logger.info(
                "Child %d was killed: its task outlasted the shutdown timeout.", slot.number
            )
        elif code or not self._board.stop:
            logger.warning(
                "Child %d (pid %d) of the worker ended with %d.", slot.number, slot.pid, code
            )
        lived = (time.monotonic_ns() - slot.born_at) / 1e9
        number = slot.number
        self._pauses[number] = (
            min(_LONGEST_PAUSE, self._pauses[number] * 2 + 0.1) if lived < _CRASH_SECONDS else 0.0
        )
        self._start_after[number] = time.monotonic() + self._pauses[number]
        slot.exit_code = code
        if number == 0 or (code == 0 and not slot.task_id):
            slot.clear()
        else:
            slot.state = SlotState.DEAD  # maintenance looks every tenth of a second

    # -- deadlines --------------------------------------------------------------------------------------------------

    def _kill_overdue(self) -> None:
        is_late = self._stop_deadline is not None and time.monotonic() > self._stop_deadline
        must_stop = self._board.stop == Stop.NOW or is_late
        for slot in self._board.executors:
            if slot.state not in (SlotState.STARTING, SlotState.ALIVE) or slot.death:
                continue
            if slot.is_overdue:
                self._kill(slot, Death.TIMEOUT, lambda slot: slot.is_overdue)
            elif slot.is_cancel_overdue:
                self._kill(slot, Death.CANCEL, lambda slot: slot.is_cancel_overdue)
            elif must_stop:
                self._kill(slot, Death.SHUTDOWN, lambda _: True)

    def _kill(self, slot: Slot, death: Death, is_still_due: Callable[[Slot], bool]) -> None:
        """Stop, look again, then kill or go on: without that most kills at a deadline would hit the next task."""
        os.kill(slot.pid, signal.SIGSTOP)
        _await_stopped(slot.pid)
        if is_still_due(slot):
            slot.death = death
            os.kill(slot.pid, signal.SIGKILL)
        else:
            os.kill(slot.pid, signal.SIGCONT)

    # -- signals ----------------------------------------------------------------------------------------------------

    def _catch_signals(self) -> None:
        signal.set_wakeup_fd(self._bell.write_fd, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self._board.stop = Stop.GRACEFUL if not self._board.stop else Stop.NOW
        if self._stop_deadline is None:
            self._stop_deadline = time.monotonic() + self._options.shutdown_timeout
        for bell in self._bells:
            bell.ring(STOP)


def _ignore_signals() -> None:
    """Leave Ctrl-C, which reaches all processes of a terminal, to the supervisor. Programs of tasks still hear it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _await_stopped(pid: int) -> None:
    """Wait until a child that was sent SIGSTOP has stopped or died; its death is left for `_reap` to find."""
    flags = os.WSTOPPED | os.WEXITED | os.WNOWAIT
    os.waitid(os.P_PID, pid, flags)
