"""Cancellation of running tasks: the ladder flag → exception in the task → kill, each step with its time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from taskhub import conf
from taskhub.context import Run
from taskhub.queue.ladder import cancelled_claims, note_raised
from workers.board import Child
from workers.interruption import Abort

_LOOK_EVERY = 1.0  # seconds, without being told


@dataclass(slots=True)
class _Climb:
    flagged_at: float
    is_noted: bool = False


class Cancellation:
    """Watches what a child runs."""

    def __init__(self, abort: Abort, child: Child) -> None:
        self._abort, self._child = abort, child
        self._climbs: dict[Run, _Climb] = {}
        self._looked_at = 0.0

    @property
    def is_climbing(self) -> bool:
        """A task has been asked to stop and has not left yet."""
        return bool(self._climbs)

    def look(self, runs: Sequence[Run], *, is_told: bool) -> None:
        """Climb the ladder as far as it is time to; asks the database when told to, and once a second."""
        now = time.monotonic()
        self._climbs = {run: climb for run, climb in self._climbs.items() if run in runs}
        oldest = min(run.started for run in runs)
        if is_told or now - max(self._looked_at, oldest) >= _LOOK_EVERY:
            self._looked_at = now
            self._flag(runs, now)
        grace = conf.get().cancel_grace
        for run, climb in self._climbs.items():
            if now - climb.flagged_at >= grace:
                self._interrupt(run, climb, climb.flagged_at + grace)

    def _flag(self, runs: Sequence[Run], now: float) -> None:
        asked = cancelled_claims(self._child.worker_id)
        for run in runs:
            if run.claim.fence in asked and run not in self._climbs:
                run.is_cancelled = True
                self._climbs[run] = _Climb(now)

    def _interrupt(self, run: Run, climb: _Climb, raised_at: float) -> None:
        if not climb.is_noted:
            climb.is_noted = True
            task_id, claim_no = run.claim.fence
            note_raised(task_id, claim_no, self._child.worker_id)
            slot = next((s for s in self._child.slots if s.task_id == task_id), None)
            if slot is not None:
                slot.cancel_deadline = 0  # that of an earlier claim must not be taken for ours
                slot.cancel_task_id, slot.cancel_claim_no = task_id, claim_no
                slot.cancel_deadline = int((raised_at + run.definition.timeout_grace) * 1e9)
        self._abort(run)
