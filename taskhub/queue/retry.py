"""Retry: a person's (or a workflow's) second chance for a task that ended without success."""

from __future__ import annotations

from functools import partial

from django.db import transaction
from django.db.models import F, QuerySet

from taskhub.engines import get_engine
from taskhub.errors import DuplicateTask, IllegalTransition
from taskhub.models import Task
from taskhub.queue.admit import admit
from taskhub.queue.dependents import tell_dependents
from taskhub.queue.needs import let_wait, needs_anew
from taskhub.queue.steps import check_step, forget_steps
from taskhub.queue.transition import SECOND_CHANCE, in_batches, tasks
from taskhub.queue.unique import live_holders, retake
from taskhub.states import TaskState, Tie

RETRYABLE = frozenset({TaskState.FAILED, TaskState.CANCELLED, TaskState.EXPIRED})


def retry(task_id: int, *, from_step: str | None = None) -> None:
    """Queue a failed, cancelled or expired task again, with all its retries, no expiry and its history kept.

    The steps that it has done are not done again; with `from_step`, that one and those after it are.

    Raises:
        Task.DoesNotExist: no such task. IllegalTransition: it has not ended, or it succeeded.
        UnknownStep: it has not done that step. DuplicateTask: a live task has its unique key.
    """
    if from_step is not None and tasks().filter(id=task_id, state__in=sorted(RETRYABLE)).exists():
        check_step(task_id, from_step)
    if retry_where(tasks().filter(id=task_id), from_step=from_step):
        return
    task = tasks().get(id=task_id)
    if task.state in RETRYABLE and task.unique_key is not None:
        holder = live_holders(get_engine(), [task.unique_key]).get(task.unique_key)
        raise DuplicateTask(
            f"Task #{task_id} ({task.name}) cannot be retried: the live task #{holder} has its unique key "
            f"{task.unique_key!r}. Wait for its end or cancel it.",
            task_id=holder,
        )
    raise IllegalTransition(
        f"Task #{task_id} ({task.name}) is {task.state}; expected failed, cancelled or expired."
    )


def retry_where(chosen: QuerySet[Task], *, from_step: str | None = None) -> int:
    """Queue those of `chosen` that ended without success again, in batches; return how many.

    Those whose unique key a live task has are left alone, and not counted.
    """
    again = partial(_requeue, from_step=from_step)
    return in_batches(chosen.filter(state__in=sorted(RETRYABLE)), again)


def _requeue(ids: list[int], from_step: str | None) -> int:
    """Queue tasks again or, where they have unmet needs, let them wait; tell those that wait for them."""
    engine = get_engine()
    with transaction.atomic(engine.alias):
        locked = tasks().filter(id__in=ids).order_by("id").select_for_update()
        rows = [row[1:] for row in locked.values_list("state", "id", "ties") if row[0] in RETRYABLE]
        refused = retake(engine, [task_id for task_id, _ in rows])
        rows = [row for row in rows if row[0] not in refused]
        if from_step is not None:
            forget_steps([task_id for task_id, _ in rows], from_step)
        again = {**SECOND_CHANCE, "ties": F("ties").bitand(~int(Tie.ORPHAN) & 0x7FFF)}
        unmet = needs_anew(engine, [task_id for task_id, _ in rows])
        let_wait({task_id: number for task_id, number in unmet.items() if number}, **again)
        ready = [task_id for task_id, number in unmet.items() if not number]
        if ready:
            admit(tasks().filter(id__in=ready), sources=RETRYABLE, unmet=0, **again)
        waited_for = [task_id for task_id, ties in rows if ties & Tie.DEPENDENTS]
        if waited_for:
            tell_dependents(engine, waited_for)
    return len(rows)
