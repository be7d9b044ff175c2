"""Finish: record how attempts ended, so that one bad value spoils its own task only."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db import transaction
from django.db.utils import Error

from taskhub.engines import Engine
from taskhub.engines.rows import Ending
from taskhub.errors import ResultNotStorable
from taskhub.models import Outcome
from taskhub.queue.cancel import cancel_children
from taskhub.queue.dependents import tell_of_success
from taskhub.queue.kept_values import put_values, tell_backend
from taskhub.queue.settle import settle
from taskhub.result_backends import get_result_backend
from taskhub.states import TaskState, Tie
from taskhub.text import storable

logger = logging.getLogger("taskhub.queue")


def finish(
    engine: Engine, worker_id: int, worker_name: str, endings: Sequence[Ending]
) -> list[Ending]:
    """Record endings of one child's claims; return those recorded, as they were recorded.

    One whose fence does not hold (another claim has taken the task over) is logged and dropped. An error that trying
    again cannot help bisects the batch until the ending that causes it is alone: that task fails with
    ResultNotStorable.

    Raises:
        DatabaseError: of the connection, a deadlock or a lock; what was not recorded may be passed again, and what
        was recorded is then dropped by its fence.
    """
    if not endings:
        return []
    try:
        recorded = record(engine, worker_id, worker_name, endings)
    except (Error, ValueError) as error:  # drivers raise the latter for text that cannot be encoded
        if engine.is_transient(error):
            raise
        if len(endings) > 1:
            middle = len(endings) // 2
            first = finish(engine, worker_id, worker_name, endings[:middle])
            return first + finish(engine, worker_id, worker_name, endings[middle:])
        if endings[0].error_class == _NOT_STORABLE:
            raise
        return finish(engine, worker_id, worker_name, [_not_storable(endings[0], error)])
    if len(recorded) == len(endings):
        return recorded
    held = {ending.fence for ending in recorded}
    for ending in endings:
        if ending.fence not in held:
            logger.warning(
                "StaleClaim: task %s, claim %s of worker %s: another claim has taken it over; the outcome %r was not "
                "recorded.", ending.task_id, ending.claim_no, worker_name, ending.outcome or ending.state.value,
            )  # fmt: skip
    return recorded


def record(
    engine: Engine, worker_id: int, worker_name: str, endings: Sequence[Ending]
) -> list[Ending]:
    """Record endings and, in the same transaction, what follows from them; return those whose fence held.

    Their values are with the result backend first: no task is on record as succeeded before its value is there.
    """
    backend = get_result_backend()
    if backend.keeps_values:
        endings = put_values(backend, endings)
    recorded = _record(engine, worker_id, worker_name, endings)
    if cancelled := [one.task_id for one in recorded if one.state == TaskState.CANCELLED]:
        cancel_children(cancelled)  # those too that it spawned after it had been asked to stop
    if backend.is_told:
        tell_backend(backend, recorded)
    return recorded


def _record(
    engine: Engine, worker_id: int, worker_name: str, endings: Sequence[Ending]
) -> list[Ending]:
    is_plain = not any(ending.ties or ending.outcome is None for ending in endings)
    if is_plain and not engine.is_in_transaction():
        return engine.finish(worker_id, worker_name, endings)
    with transaction.atomic(engine.alias):
        recorded = engine.finish(worker_id, worker_name, endings)
        if is_plain:
            return recorded
        left = [ending for ending in recorded if ending.state != TaskState.QUEUED]
        simple = [ending.task_id for ending in left if _is_simple(ending)]
        if simple:
            tell_of_success(engine, simple)
        others = [ending.task_id for ending in left if ending.task_id not in set(simple)]
        if others:
            settle(engine, others)
    return recorded


def _is_simple(ending: Ending) -> bool:
    """Tell whether nothing follows but that dependents hear of a success."""
    return ending.state == TaskState.SUCCEEDED and 0 < ending.ties <= _SIMPLE


_SIMPLE = int(Tie.DEPENDENTS | Tie.VALUES)
_NOT_STORABLE = f"{ResultNotStorable.__module__}.{ResultNotStorable.__qualname__}"


def _not_storable(ending: Ending, error: Exception) -> Ending:
    logger.error("Task %s ended, but the database refused its outcome: %s", ending.task_id, error)
    return ending._replace(
        state=TaskState.FAILED, outcome=Outcome.FAILED, value=None, delay=None, failures=1, reason="",
        is_attempt_spent=True,
        error_class=_NOT_STORABLE, fingerprint="",
        message=storable(f"The attempt ended as {ending.outcome}, but the database refused it: {error}", 1000),
        traceback=storable(ending.traceback, 20_000),
    )  # fmt: skip
