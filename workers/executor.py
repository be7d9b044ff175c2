"""Executor: a child that runs one task at a time in its main thread, where a signal can interrupt a blocking call."""

from __future__ import annotations

import logging
from typing import Any

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
            result = self._announce_start(run)
            ending, is_recorded = execution.run(run)
        finally:
            self._control.current = None
            self._slot.task_id = 0
            self._slot.deadline = 0
        self._hand_back(Done(ending, run, is_recorded=is_recorded), result)

    def _announce_start(self, run: Run) -> results.AsyncResult | None:
        """Send `task_started`, where somebody listens; a failing receiver is logged (by Django) and harms nobody."""
        if not (
            signals.has_receivers(compat.task_started)
            or signals.has_receivers(compat.task_finished)
        ):
            return None
        try:
            result = results.of_claim(
                run.claim, run.definition, self._control.worker_name, run.started_at, self._backend
            )
        except DamagedTask:  # running it says what is wrong
            return None
        compat.task_started.send_robust(sender=TaskHubBackend, task_result=result)
        return result

    def _hand_back(self, done: Done, result: results.AsyncResult | None) -> None:
        """Hand an ending over; where somebody listens to `task_finished`, send it once the ending is recorded."""
        is_over = done.ending.state.is_finished
        is_heard = (
            is_over and len(compat.task_finished.receivers) > 1
        )  # the first one is Django's own logging
        self._control.hand_back(done, wants_answer=is_heard)
        if not is_over or result is None or (is_heard and not done.wait()):
            return
        result = results.with_ending(result, done.ending)
        compat.task_finished.send_robust(sender=TaskHubBackend, task_result=result)

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

    def _load_result(self, claim: Claim) -> compat.TaskResult[Any, Any]:
        return results.load(str(claim.id), self._backend)
