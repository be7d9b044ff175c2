"""Cancellation of a running task: the ladder flag → exception in the task → kill, each step with its time."""

from __future__ import annotations

import logging
import time

from taskhub import conf
from taskhub.context import Run
from taskhub.queue.ladder import is_cancel_requested, note_raised
from workers.alarm import Alarm
from workers.board import Slot

logger = logging.getLogger("taskhub.worker")

_LOOK_EVERY = 1.0  # seconds, without being told


class Cancellation:
    """Watches the one task that an executor runs."""

    def __init__(self, alarm: Alarm, slot: Slot) -> None:
        self._alarm, self._slot = alarm, slot
        self._run: Run | None = None
        self._looked_at = 0.0
        self._flagged_at: float | None = None
        self._is_noted = False

    def look(self, run: Run, worker_id: int, *, is_told: bool) -> None:
        """Climb the ladder as far as it is time to; asks the database when told to, and once a second."""
        now = time.monotonic()
        if run is not self._run:
            self._run, self._flagged_at, self._is_noted, self._looked_at = (
                run,
                None,
                False,
                run.started,
            )
        if self._flagged_at is None:
            if not is_told and now - self._looked_at < _LOOK_EVERY:
                return
            self._looked_at = now
            if not is_cancel_requested(run.claim.id, run.claim.claim_no, worker_id):
                return
            run.is_cancelled = True
            self._flagged_at = now
        waited = now - self._flagged_at
        if waited < conf.get().cancel_grace:
            return
        kill_at = self._flagged_at + conf.get().cancel_grace + run.definition.timeout_grace
        if not self._is_noted:
            self._is_noted = True
            note_raised(run.claim.id, run.claim.claim_no, worker_id)
            self._slot.cancel_task_id, self._slot.cancel_claim_no = run.claim.id, run.claim.claim_no
            self._slot.cancel_deadline = int(kill_at * 1e9)
        self._alarm.abort(run)
