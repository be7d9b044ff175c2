"""Executor: a child that runs one task at a time in its main thread, where a signal can interrupt a blocking call."""

from __future__ import annotations

from taskhub.capturing import Capturing
from taskhub.engines import get_engine
from taskhub.engines.rows import Claim
from workers.alarm import Alarm
from workers.bell import Lifeline
from workers.board import Board, Child
from workers.control import Control
from workers.execution import Execution
from workers.options import WorkerOptions
from workers.work import Work


class Executor:
    """The main thread of an executor: takes claims that the control thread has made, runs them, hands the ends back."""

    def __init__(
        self, options: WorkerOptions, board: Board, child: Child, lifeline: Lifeline
    ) -> None:
        self._alarm = Alarm()
        self._control = Control(options, board, child, lifeline, self._alarm.abort)

    def run(self) -> None:
        """Work until the control thread says that it is over."""
        control, work = self._control, Work(self._control)
        Capturing(fallback=lambda: control.runs[0]).start()
        execution = Execution(self._alarm, get_engine(), control.start(), control.worker_name)
        work.serve(0, execution, self._take)

    def _take(self) -> Claim | None:
        claim = self._control.take_now()
        if claim is None:  # nothing lies ready, or nothing will come
            self._alarm.rest()
            claim = self._control.take()
        return claim
