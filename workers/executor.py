"""Executor: a child that runs one task at a time in its main thread, where a signal can interrupt a blocking call."""

from __future__ import annotations

import logging

from django.dispatch import Signal
from django.utils import timezone

from taskhub import compat, registry, results, signals
from taskhub.backend import TaskHubBackend, backend_alias
from taskhub.context import Run
from taskhub.engines import get_engine
from taskhub.engines.rows import Claim, Ending
from taskhub.errors import DamagedTask, TaskhubError
from taskhub.queue.verdict import Attempt, raised
from workers.alarm import Alarm
from workers.bell import Bell
from workers.board import Board, Slot
from workers.control import Control, Done
from workers.execution import Execution, definition_of
from workers.options import WorkerOptions

logger = logging.getLogger("taskhub.worker")


class Executor:
    """The main thread of an executor: takes claims that the control thread has made, runs them, hands the ends back."""

    def __init__(self, options: WorkerOptions, board: Board, slot: Slot, bell: Bell) -> None:
        self._slot = slot
        self._alarm = Alarm()
        self._control = Control(options, board, slot, bell, self._alarm)
        self._backend = backend_alias()

    def run(self) -> None:
        """Work until the control thread says that it is over."""
        self._control.start()
        execution = Execution(
            self._alarm, get_engine(), self._control.wait_for_worker_id(), self._control.worker_name
        )
        while (claim := self._control.buffer.get()) is not None:
            self._work(execution, claim)
        self._control.join()

    def _work(self, execution: Execution, claim: Claim) -> None:
        run = self._prepare(claim)
        if isinstance(run, Ending):
            self._control.hand_back(Done(run, None))
            return
        self._slot.claim_no = claim.claim_no
        self._slot.deadline = int((run.deadline + run.definition.timeout_grace) * 1e9)
        self._slot.task_id = claim.id
        self._control.current = run
        try:
            self._send(compat.task_started, run)
            ending, is_recorded = execution.run(run)
        finally:
            self._control.current = None
            self._slot.task_id = 0
            self._slot.deadline = 0
        waits = ending.state.is_finished and len(compat.task_finished.receivers) > 1
        done = Done(ending, run, is_recorded=is_recorded)
        self._control.hand_back(done, wants_answer=waits)
        if ending.state.is_finished and (not waits or done.wait()):
            self._send(compat.task_finished, run)

    def _prepare(self, claim: Claim) -> Run | Ending:
        """Make a Run of a claim; a row whose options were damaged fails alone."""
        try:
            definition = definition_of(claim)
            if definition is None:
                raise DamagedTask(f"The code of {claim.name!r} is not here.")
        except (TaskhubError, compat.InvalidTask, ValueError, TypeError) as error:
            plain = registry.find(claim.name) or next(registry.all_definitions())
            now = timezone.now()
            damage = DamagedTask(
                f"The column options of this task is {claim.options!r:.200}: {error}"
            )
            return raised(Attempt(claim, plain, now, now), damage)
        return Run(claim, definition, self._load_result)

    def _load_result(self, claim: Claim) -> compat.TaskResult:
        return results.load(str(claim.id), self._backend)

    def _send(self, signal: Signal, run: Run) -> None:
        """Send a signal of django.tasks; a failing receiver is logged and harms nobody."""
        if not signals.has_receivers(signal):
            return
        result = self._load_result(run.claim)
        for _, response in signal.send_robust(sender=TaskHubBackend, task_result=result):
            if isinstance(response, Exception):
                logger.error("A receiver of %s failed", signal, exc_info=response)
