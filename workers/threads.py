"""Threads: a child that runs tasks in a pool of threads, for work that waits for others."""

from __future__ import annotations

import threading
from contextlib import closing
from functools import partial

from taskhub.capturing import Capturing
from taskhub.context import Run
from taskhub.engines import get_engine
from taskhub.engines.rows import Claim
from workers import vital
from workers.bell import Lifeline
from workers.board import Board, Child
from workers.control import Control
from workers.execution import Execution
from workers.options import WorkerOptions
from workers.shots import Shots
from workers.work import Work


class ThreadPool:
    """One thread for each slot; they take turns waiting at the tray."""

    def __init__(
        self, options: WorkerOptions, board: Board, child: Child, lifeline: Lifeline
    ) -> None:
        self._shots = Shots()
        self._control = Control(options, board, child, lifeline, self._shots.abort)
        self._work = Work(self._control)
        self._turn = threading.Lock()

    def run(self) -> None:
        """Work until the control thread says that it is over."""
        capturing = Capturing()
        capturing.start()
        worker_id = self._control.start()
        threads = [
            vital.start(partial(self._serve, number, worker_id), f"taskhub-slot-{number}")
            for number in range(len(self._control.child.slots))
        ]
        for thread in threads:
            thread.join()
        self._control.join()
        self._shots.stop()
        capturing.stop()

    @property
    def running(self) -> list[Run]:
        """What runs now."""
        return [run for run in self._control.runs if run is not None]

    def interrupt(self, run: Run) -> None:
        """Raise TaskAborted in a run; it may have to be done again."""
        self._shots.abort(run)

    def give_up(self) -> None:
        """Let the threads end with what they run: their control thread is gone."""
        self._control.give_up()

    def _serve(self, number: int, worker_id: int) -> None:
        execution = Execution(self._shots, get_engine(), worker_id, self._control.worker_name)
        with closing(execution):
            self._work.serve(number, execution, self._take)

    def _take(self) -> Claim | None:
        with self._turn:
            return self._control.take()
