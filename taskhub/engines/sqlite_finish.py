"""SQLite's finish: a batch in which all end for good is written without a look before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from taskhub.engines.finishing import INSERT_RESULT
from taskhub.engines.rows import Ending


class FenceBroken(Exception):
    """A claim of the batch is not held any more; nothing was written."""


def finish_for_good(
    connection: BaseDatabaseWrapper, worker_id: int, worker_name: str, endings: Iterable[Ending]
) -> list[Ending]:
    """Record endings that all are for good and have an outcome; the fence stands in the UPDATE itself.

    `executemany` binds values faster than SQLite takes them out of JSON (tried: 35 µs a task instead of 45).

    Raises:
        FenceBroken: look which ones are held.
    """
    ended = sorted(endings, key=lambda ending: ending.task_id)
    stamp = _stamp(connection)
    tasks: list[Sequence[Any]] = []
    results: list[Sequence[Any]] = []
    for one in ended:
        started, finished = stamp(one.started_at), stamp(one.finished_at)
        tasks.append(
            (
                one.state.value, started, finished, one.failures, one.losses, one.interruptions, one.reason,
                one.task_id, one.claim_no, one.attempt, worker_id,
            )
        )  # fmt: skip
        results.append(
            (
                one.task_id, one.claim_no, one.attempt, one.outcome, one.value, one.error_class, one.message,
                one.traceback, one.fingerprint, worker_id, worker_name, started, finished,
            )
        )  # fmt: skip
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        cursor.executemany(_FINISH_TASK, tasks)
        if cursor.rowcount != len(tasks):
            raise FenceBroken
        cursor.executemany(INSERT_RESULT, results)
    return ended


def _stamp(connection: BaseDatabaseWrapper) -> Callable[[datetime], str]:
    """Return what writes a time as Django does for this connection."""
    zone = connection.timezone

    def stamp(at: datetime) -> str:
        return str((at if at.tzinfo is zone else at.astimezone(zone)).replace(tzinfo=None))

    return stamp


_FINISH_TASK = (
    "UPDATE taskhub_task SET state = %s, started_at = %s, finished_at = %s, failures = failures + %s, "
    "losses = losses + %s, interruptions = interruptions + %s, reason = COALESCE(NULLIF(%s, ''), reason), "
    "unique_lock = NULL, worker_id = NULL "
    "WHERE id = %s AND claim_no = %s AND attempt = %s AND worker_id = %s AND state = 'running'"
)
