"""Supervisor: forks children, restarts them, stops and kills them. It has no database connection and no threads."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import time
from types import FrameType

from django.db import connections

from taskhub import background, conf, registry
from taskhub.engines import get_engine
from taskhub.models.worker import WorkerKind
from workers.bell import STOP, Lifeline
from workers.board import Board, Child, ChildState, Death, Stop
from workers.coroutines import EventLoop
from workers.executor import Executor
from workers.killing import Killing
from workers.maintenance import Maintenance
from workers.options import WorkerOptions
from workers.reloading import Reloading
from workers.threads import ThreadPool

logger = logging.getLogger("taskhub.worker")

_LOOK_EVERY = 0.1  # seconds between looks while a task runs
_LOOK_IDLY = 0.5  # while none does, but one has run a moment ago
_LOOK_AT_REST = 3.0  # after that; children that get work say so
_AT_REST_AFTER = 1.0  # seconds without work
_SHORTEST_NAP = 0.01
_FAREWELL = 10.0  # seconds that children get to record and sign off after the shutdown timeout
_CRASH_SECONDS = 2.0  # a child that lives shorter is started again with a growing pause
_LONGEST_PAUSE = 10.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_RUNNERS: dict[WorkerKind, type[Executor | ThreadPool | EventLoop]] = {
    WorkerKind.EXECUTOR: Executor,
    WorkerKind.THREADS: ThreadPool,
    WorkerKind.ASYNC: EventLoop,
}


class Supervisor:
    """One `runworker`: a maintenance child in place 0, and those that run tasks in the others."""

    def __init__(self, options: WorkerOptions) -> None:
        self._options = options
        self._board = Board(options.kinds)
        self._bell = self._board.bell  # rung by signals too
        self._lifeline = Lifeline()
        self._reloading = Reloading(is_watching=options.is_reloading)
        self._start_after = [0.0] * len(self._board.all)
        self._pauses = [0.0] * len(self._board.all)
        self._stop_deadline: float | None = None
        self._times_told = 0
        self._busy_at = 0.0
        self._killing = Killing(self._board)

    def run(self) -> int:
        """Work until told to stop (SIGTERM or SIGINT, twice: at once) or, when draining, until nothing is left.

        After SIGHUP it goes on as a new program under its pid, when the new code passes its trial.
        """
        registry.load()
        get_engine().notice_dead_peers()
        connections.close_all()
        self._catch_signals()
        gc.collect()
        gc.freeze()
        while self._is_needed():
            self._reap()
            self._start_missing()
            self._kill_overdue()
            if self._reloading.is_due():
                self._stop(Stop.GRACEFUL)
            self._rest()
        self._killing.kill_the_rest()
        self._reloading.go_on()
        return 0

    def _is_needed(self) -> bool:
        if self._stop_deadline is not None and time.monotonic() > self._stop_deadline + _FAREWELL:
            return False
        return not self._board.stop or any(
            child.state != ChildState.FREE for child in self._board.all
        )

    def _rest(self) -> None:
        """Sleep until something needs a look, or the bell rings: for a signal, a death, a place that is free again."""
        nap = self._nap()
        self._killing.expect(nap)
        self._bell.wait(nap)

    def _nap(self) -> float:
        now = time.monotonic()
        longest = min(self._longest_nap(now), conf.get().lease / 10)
        times = [at for child in self._board.all for at in self._times_of(child) if at > now]
        return max(_SHORTEST_NAP, min([longest, *(at - now for at in times)]))

    def _longest_nap(self, now: float) -> float:
        board = self._board
        board.is_supervisor_at_rest = (
            1  # before the look: a child that gets work after it will ring
        )
        if board.stop or any(child.running for child in board.children):
            self._busy_at = now
        if now - self._busy_at >= _AT_REST_AFTER and not self._options.is_reloading:
            return _LOOK_AT_REST
        board.is_supervisor_at_rest = 0
        return _LOOK_EVERY if self._busy_at == now else _LOOK_IDLY

    def _times_of(self, child: Child) -> list[float]:
        """Return when this place may need a look."""
        if child.state == ChildState.FREE:
            return [self._start_after[child.number]]
        return [at / 1e9 for slot in child.running for at in (slot.deadline, slot.cancel_deadline)]

    def _kill_overdue(self) -> None:
        is_late = self._stop_deadline is not None and time.monotonic() > self._stop_deadline
        self._killing.kill_overdue(must_stop=self._board.stop == Stop.NOW or is_late)

    # -- children ---------------------------------------------------------------------------------------------------

    def _start_missing(self) -> None:
        now = time.monotonic()
        for child in self._board.all:
            is_wanted = not self._board.stop or (child.number == 0 and self._are_children_left())
            is_time = now >= self._start_after[child.number]
            if child.state == ChildState.FREE and is_wanted and is_time:
                self._fork(child)

    def _are_children_left(self) -> bool:
        return any(child.state != ChildState.FREE for child in self._board.children)

    def _fork(self, child: Child) -> None:
        child.clear()
        child.born_at = time.monotonic_ns()
        child.state = ChildState.STARTING
        sys.stdout.flush()
        sys.stderr.flush()
        # What arrives in a child before it has handlers of its own must not be handled there as it is here.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
            if not pid:
                _ignore_signals()
                signal.set_wakeup_fd(-1)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if pid:
            child.pid = pid
            return
        self._become(child)

    def _become(self, child: Child) -> None:
        """The life of a child: never returns."""
        code = 1
        try:
            self._lifeline.hold()
            background.start()
            if child.number == 0:
                Maintenance(self._options, self._board, self._lifeline, self._bell).run()
            else:
                _RUNNERS[child.kind](self._options, self._board, child, self._lifeline).run()
            background.stop()
            code = 0
        except BaseException:
            logger.exception("A child of the worker failed.")
        finally:
            logging.shutdown()
            os._exit(code)

    def _reap(self) -> None:
        for child in self._board.all:
            if child.is_up and child.pid:
                pid, status = os.waitpid(child.pid, os.WNOHANG)
                if pid:
                    self._note_death(child, os.waitstatus_to_exitcode(status))

    def _note_death(self, child: Child, code: int) -> None:
        number = child.number
        if child.death == Death.SHUTDOWN:
            logger.info("Child %d was killed: its task outlasted the shutdown timeout.", number)
        elif code:
            logger.warning(
                "Child %d (pid %d) of the worker ended with %d.", number, child.pid, code
            )
        lived = (time.monotonic_ns() - child.born_at) / 1e9
        is_crash = code != 0 and lived < _CRASH_SECONDS
        self._pauses[number] = (
            min(_LONGEST_PAUSE, self._pauses[number] * 2 + 0.1) if is_crash else 0.0
        )
        self._start_after[number] = time.monotonic() + self._pauses[number]
        child.exit_code = code
        if number == 0:
            child.clear()
        else:
            child.state = ChildState.DEAD
            self._board.maintenance.bell.ring()

    # -- signals ----------------------------------------------------------------------------------------------------

    def _catch_signals(self) -> None:
        signal.set_wakeup_fd(self._bell.write_fd, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGHUP, lambda *_: self._reloading.ask())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self._reloading.forget()
        self._times_told += 1
        self._stop(Stop.GRACEFUL if self._times_told == 1 else Stop.NOW)

    def _stop(self, how: Stop) -> None:
        self._board.stop = how
        now = time.monotonic()
        if self._stop_deadline is None:
            self._stop_deadline = now + self._options.shutdown_timeout
        elif how == Stop.NOW:
            self._stop_deadline = min(self._stop_deadline, now)
        for child in self._board.all:
            child.bell.ring(STOP)


def _ignore_signals() -> None:
    """Leave Ctrl-C, which reaches all processes of a terminal, to the supervisor. Programs of tasks still hear it."""
    for number in _SIGNALS:
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
