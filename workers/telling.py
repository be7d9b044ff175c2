"""Telling: who wants to hear of a run is told: receivers of the signals of django.tasks, and the task's hooks.

That is somebody's code, which may stay for ever. Each call has the time of an attempt: it is interrupted after the
timeout, and after the grace the supervisor kills the child.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

from taskhub import compat, results, signals
from taskhub.backend import TaskHubBackend, backend_alias
from taskhub.context import Run
from taskhub.engines.rows import Claim, Ending
from taskhub.errors import DamagedTask
from taskhub.results import AsyncResult
from taskhub.states import TaskState
from taskhub.telling import send_finished
from workers.desk import Desk
from workers.execution import Execution
from workers.hooks import error_of, has_hooks, hook_of
from workers.outbox import Done


class Telling:
    """Used by those who run tasks, in the thread that ran the task or in one where blocking harms nobody else."""

    def __init__(self, control: Desk) -> None:
        self._control = control
        self._backend = backend_alias()
        self._is_logged = signals.is_logged(logging.INFO)
        self._is_failure_logged = signals.is_logged(logging.ERROR)

    @property
    def is_heard(self) -> bool:
        """Somebody listens to what django.tasks tells of a run from its start."""
        return (
            self._is_logged
            or signals.has_own_receivers(compat.task_started)
            or signals.has_own_receivers(compat.task_finished)
        )

    def is_end_heard(self, run: Run, ending: Ending, result: AsyncResult | None) -> bool:
        """Tell whether somebody's code will be called about this end."""
        is_failure = self._is_failure_logged and ending.state == TaskState.FAILED
        return result is not None or is_failure or has_hooks(run.definition)

    def announce_start(self, run: Run, execution: Execution) -> AsyncResult | None:
        """Send `task_started`, where somebody listens. What receivers raise is logged and harms nobody."""
        if not self.is_heard or (result := self._result(run)) is None:
            return None
        execution.tell(
            run, lambda: compat.task_started.send_robust(sender=TaskHubBackend, task_result=result)
        )
        return result

    def end(
        self, run: Run, number: int, done: Done, result: AsyncResult | None, execution: Execution
    ) -> None:
        """Hand an end over and tell of it, once it is recorded where somebody wants to know how."""
        if not self.is_end_heard(run, done.ending, result):
            self._control.hand_back(done)
            return
        result = result or self._result(run)
        is_awaited = has_hooks(run.definition) or (
            result is not None and signals.has_own_receivers(compat.task_finished)
        )
        if is_awaited:
            self._control.begin_hook(run)
        self._control.hand_back(done, wants_answer=is_awaited)
        recorded = done.wait() if is_awaited else done.ending
        try:
            if recorded is not None:
                self._tell_of_end(run, number, recorded, result, execution)
        finally:
            run.error = None  # its traceback holds this run
            if is_awaited:
                self._control.end_hook(run)

    def _tell_of_end(
        self,
        run: Run,
        number: int,
        recorded: Ending,
        result: AsyncResult | None,
        execution: Execution,
    ) -> None:
        if result is not None and recorded.state.is_finished:
            finished = results.with_ending(result, recorded)
            error = None if recorded.state == TaskState.SUCCEEDED else error_of(run, recorded)
            tell = partial(send_finished, finished, error)
            self._in_time(run, number, lambda: execution.tell(run, tell))
        if hook_of(run.definition, recorded) is not None:
            self._in_time(run, number, lambda: execution.call_hook(run, recorded))

    def _in_time(self, run: Run, number: int, call: Callable[[], None]) -> None:
        """Let the supervisor guard a call as it guards an attempt."""
        run.started = time.monotonic()
        self._control.guard(number, run)
        try:
            call()
        finally:
            self._control.slots[number].end()

    def _result(self, run: Run) -> AsyncResult | None:
        try:
            return results.of_claim(
                run.claim, run.definition, self._control.worker_name, run.started_at, self._backend
            )
        except DamagedTask:  # running it says what is wrong
            return None

    def load(self, claim: Claim) -> compat.TaskResult:  # type: ignore[type-arg]
        """Return the result of a claim as it is on record."""
        return results.load(str(claim.id), self._backend)
