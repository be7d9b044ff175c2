"""Work: what surrounds the execution of a claim in every kind of child: the board, the signals, the end handed back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.utils import timezone

from taskhub import compat, registry, results, signals
from taskhub.backend import TaskHubBackend, backend_alias
from taskhub.context import Run
from taskhub.engines.rows import Claim, Ending
from taskhub.errors import DamagedTask, TaskhubError
from taskhub.queue.verdict import Attempt, raised
from taskhub.states import TaskState
from workers.control import Control
from workers.execution import Execution, definition_of
from workers.hooks import has_hooks, hook_of
from workers.outbox import Done


class Work:
    """Begins and ends the runs of one child; safe to use from several threads."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._backend = backend_alias()
        self._is_logged = signals.is_logged(logging.INFO)
        self._is_failure_logged = signals.is_logged(logging.ERROR)

    def serve(self, number: int, execution: Execution, take: Callable[[], Claim | None]) -> None:
        """Run what `take` gives in slot `number`, one after the other, until it gives nothing more."""
        while (claim := take()) is not None:
            run = self.begin(claim, number)
            if run is None:
                continue
            result = self.announce_start(run)
            ending, is_recorded = execution.run(run)
            self.leave(number)  # not after an error of ours: the board tells what a child died of
            self.end(run, ending, is_recorded=is_recorded, result=result)
            if has_hooks(run.definition):
                self.call_hook(run, number, execution)

    def begin(self, claim: Claim, number: int) -> Run | None:
        """Note on the board that slot `number` starts a claim; None where its row is damaged (it has failed then)."""
        try:
            definition = definition_of(claim)
        except (TaskhubError, compat.InvalidTask, ValueError, TypeError) as error:
            self._refuse(claim, error)
            return None
        run = Run(claim, definition, self._load_result, self._control.wake_to_report)
        self._enter(run, number)
        self._control.runs[number] = run
        return run

    def _enter(self, run: Run, number: int) -> None:
        """Tell the supervisor what runs, and until when it may."""
        task_id, claim_no = run.claim.fence
        deadline = run.deadline + run.definition.timeout_grace
        self._control.child.slots[number].begin(task_id, claim_no, deadline)

    def leave(self, number: int) -> None:
        """Note on the board that user code has ended."""
        self._control.runs[number] = None
        self._control.child.slots[number].end()

    @property
    def is_heard(self) -> bool:
        """Somebody listens to what django.tasks tells of a run from its start."""
        return (
            self._is_logged
            or signals.has_own_receivers(compat.task_started)
            or signals.has_own_receivers(compat.task_finished)
        )

    def announce_start(self, run: Run) -> results.AsyncResult | None:
        """Send `task_started`, where somebody listens; a failing receiver is logged (by Django) and harms nobody."""
        if not self.is_heard or (result := self._result(run)) is None:
            return None
        compat.task_started.send_robust(sender=TaskHubBackend, task_result=result)
        return result

    def end(
        self, run: Run, ending: Ending, *, is_recorded: bool, result: results.AsyncResult | None
    ) -> None:
        """Hand an ending over; wait for its record where somebody wants to hear of it, and send `task_finished`."""
        done = Done(run.claim, ending, run, is_recorded=is_recorded)
        if result is None and self._is_failure_logged and ending.state == TaskState.FAILED:
            result = self._result(run)
        is_hooked = has_hooks(run.definition)
        is_heard = result is not None and signals.has_own_receivers(compat.task_finished)
        if is_hooked:
            self._control.begin_hook(run)
        self._control.hand_back(done, wants_answer=is_heard or is_hooked)
        if result is None and not is_hooked:
            return
        recorded = run.recorded = done.wait() if is_heard or is_hooked else ending
        if result is not None and recorded is not None and recorded.state.is_finished:
            finished = results.with_ending(result, recorded)
            compat.task_finished.send_robust(sender=TaskHubBackend, task_result=finished)

    def call_hook(self, run: Run, number: int, execution: Execution) -> None:
        """Call the hook for what was recorded; the supervisor guards it as it guards an attempt."""
        try:
            if run.recorded is not None and hook_of(run.definition, run.recorded) is not None:
                run.started = time.monotonic()
                self._enter(run, number)
                execution.call_hook(run, run.recorded)
        finally:
            self._control.child.slots[number].end()
            self._control.end_hook(run)

    def _result(self, run: Run) -> results.AsyncResult | None:
        try:
            return results.of_claim(
                run.claim, run.definition, self._control.worker_name, run.started_at, self._backend
            )
        except DamagedTask:  # running it says what is wrong
            return None

    def _refuse(self, claim: Claim, error: Exception) -> None:
        """Fail a claim that cannot be run, alone."""
        plain = registry.find(claim.name) or next(registry.all_definitions())
        now = timezone.now()
        damage = DamagedTask(f"The column options of this task is {claim.options!r:.200}: {error}")
        self._control.hand_back(Done(claim, raised(Attempt(claim, plain, now, now), damage)))

    def _load_result(self, claim: Claim) -> compat.TaskResult:  # type: ignore[type-arg]
        return results.load(str(claim.id), self._backend)
