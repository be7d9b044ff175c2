"""Work: what surrounds the execution of a claim in every kind of child: the board, who is told, the end handed back."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from django.utils import timezone

from taskhub import compat, registry
from taskhub.context import Run
from taskhub.engines.rows import Claim
from taskhub.errors import DamagedTask, TaskhubError
from taskhub.queue.verdict import Attempt, raised
from workers.desk import Desk
from workers.execution import Execution, definition_of
from workers.outbox import Done
from workers.telling import Telling


class Work:
    """Begins and ends the runs of one child; safe to use from several threads."""

    run_class: ClassVar[type[Run]] = Run

    def __init__(self, control: Desk) -> None:
        self._control = control
        self.telling = Telling(control)

    def serve(self, number: int, execution: Execution, take: Callable[[], Claim | None]) -> None:
        """Run what `take` gives in slot `number`, one after the other, until it gives nothing more."""
        while (claim := take()) is not None:
            run = self.begin(claim, number)
            if run is None:
                continue
            result = self.telling.announce_start(run, execution)
            ending, is_recorded = execution.run(run)
            self.leave(number)  # not after an error of ours: the board tells what a child died of
            done = Done(claim, ending, run, is_recorded=is_recorded)
            self.telling.end(run, number, done, result, execution)

    def begin(self, claim: Claim, number: int) -> Run | None:
        """Note on the board that slot `number` starts a claim; None where its row is damaged (it has failed then)."""
        try:
            definition = definition_of(claim)
        except (TaskhubError, compat.InvalidTask, ValueError, TypeError) as error:
            self._refuse(claim, error)
            return None
        run = self.run_class(claim, definition, self.telling.load, self._control.wake_to_report)
        self._control.guard(number, run)
        self._control.runs[number] = run
        return run

    def leave(self, number: int) -> None:
        """Note on the board that user code has ended."""
        self._control.runs[number] = None
        self._control.slots[number].end()

    def _refuse(self, claim: Claim, error: Exception) -> None:
        """Fail a claim that cannot be run, alone."""
        plain = registry.find(claim.name) or next(registry.all_definitions())
        now = timezone.now()
        damage = DamagedTask(f"The column options of this task is {claim.options!r:.200}: {error}")
        self._control.hand_back(Done(claim, raised(Attempt(claim, plain, now, now), damage)))
