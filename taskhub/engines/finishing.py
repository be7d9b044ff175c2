"""Finishing: how the ends of claims are recorded, behind their fence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from taskhub.engines.rows import Ending
from taskhub.engines.session import Session
from taskhub.engines.wakeups import Kind
from taskhub.models.result import Outcome
from taskhub.states import FINISHED, TaskState

RESULT_COLUMNS = (
    "task_id", "claim_no", "attempt", "outcome", "value", "error_class", "message", "traceback", "fingerprint",
    "worker_id", "worker_name", "started_at", "finished_at",
)  # fmt: skip


class Finishing(Session):
    """A batch of endings is one transaction: rows of tasks are locked in the order of their ids, then written."""

    def finish(self, worker_id: int, worker_name: str, endings: Sequence[Ending]) -> list[Ending]:
        """Record how claims of one worker ended; return those whose fence held, as they were recorded.

        A task that would go on (retry, snooze, give-back) although its cancellation was asked for ends as cancelled.

        Raises:
            DatabaseError: nothing of the batch was written; a transaction of the caller's can only be rolled back.
        """
        by_claim = {(ending.task_id, ending.claim_no): ending for ending in endings}
        ids = sorted({ending.task_id for ending in endings})
        marks = ", ".join(["%s"] * len(ids))
        with transaction.atomic(self.alias, savepoint=False), self.connection.cursor() as cursor:
            cursor.execute(
                f"SELECT id, claim_no, cancel_requested_at IS NOT NULL, reason, attempt FROM taskhub_task "
                f"WHERE id IN ({marks}) AND state = 'running' AND worker_id = %s ORDER BY id{self.lock_rows}",
                [*ids, worker_id],
            )
            held = [
                (self._respect_cancel(by_claim[id_, claim_no], bool(asked), reason), attempt)
                for id_, claim_no, asked, reason, attempt in cursor.fetchall()
                if (id_, claim_no) in by_claim
            ]
            if held:
                cursor.executemany(
                    _FINISH_TASK, [self._finish_params(ending) for ending, _ in held]
                )
                results = [
                    self._result_params(ending, attempt, worker_id, worker_name)
                    for ending, attempt in held
                    if ending.outcome
                ]
                if results:
                    cursor.executemany(INSERT_RESULT, results)
            self._notify_of([ending for ending, _ in held])
        return [ending for ending, _ in held]

    def _notify_of(self, endings: Sequence[Ending]) -> None:
        """Wake those for whom these endings are news: who waits for results, who promotes, who claims."""
        if any(ending.state in FINISHED for ending in endings):
            self.notify(Kind.FINISHED)
        if any(ending.delay is not None for ending in endings):
            self.notify(Kind.DUE_EARLIER)
        if any(ending.state == TaskState.QUEUED for ending in endings):
            self.notify(Kind.ANY)  # of more than one queue, perhaps

    def _respect_cancel(self, ending: Ending, is_asked: bool, reason: str) -> Ending:
        if not is_asked or ending.state in FINISHED:
            return ending
        outcome = ending.outcome and Outcome.CANCELLED
        return ending._replace(
            state=TaskState.CANCELLED,
            outcome=outcome,
            delay=None,
            is_attempt_spent=ending.is_attempt_spent or outcome is not None,
            reason=reason or ending.reason,
        )

    def _finish_params(self, ending: Ending) -> list[Any]:
        is_over = ending.state in FINISHED
        return self._adapt(
            [
                ending.state.value, ending.waits_for.value, _ready_at(ending), ending.outcome is not None,
                ending.started_at, ending.finished_at if is_over else None,
                0 if ending.is_attempt_spent else 1, ending.failures, ending.losses, ending.interruptions,
                ending.reason, is_over, ending.task_id,
            ]
        )  # fmt: skip

    def _result_params(
        self, ending: Ending, attempt: int, worker_id: int, worker_name: str
    ) -> list[Any]:
        return self._adapt(
            [
                ending.task_id, ending.claim_no, attempt, ending.outcome, ending.value, ending.error_class,
                ending.message, ending.traceback, ending.fingerprint, worker_id, worker_name,
                ending.started_at, ending.finished_at,
            ]
        )  # fmt: skip


def _ready_at(ending: Ending) -> datetime | None:
    """Return from when on the task may be claimed again; None: as before, for nobody has begun to run it."""
    if ending.state == TaskState.QUEUED and ending.outcome:
        return ending.finished_at
    return None if ending.delay is None else ending.finished_at + timedelta(seconds=ending.delay)


_FINISH_TASK = (
    "UPDATE taskhub_task SET state = %s, waits_for = %s, run_after = COALESCE(%s, run_after), "
    "started_at = CASE WHEN %s THEN COALESCE(%s, started_at) END, finished_at = %s, "
    "attempt = attempt - %s, failures = failures + %s, losses = losses + %s, "
    "interruptions = interruptions + %s, reason = COALESCE(NULLIF(%s, ''), reason), "
    "unique_lock = CASE WHEN %s THEN NULL ELSE unique_lock END, worker_id = NULL WHERE id = %s"
)
INSERT_RESULT = (
    f"INSERT INTO taskhub_result ({', '.join(RESULT_COLUMNS)}) "
    f"VALUES ({', '.join(['%s'] * len(RESULT_COLUMNS))})"
)
