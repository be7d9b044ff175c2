"""Retry: a person's (or a workflow's) second chance for a task that ended without success."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from django.db import transaction
from django.db.models import F, QuerySet

from taskhub.engines import get_engine
from taskhub.errors import DuplicateTask, IllegalTransition
from taskhub.models import Dependency, Task
from taskhub.queue.admit import admit
from taskhub.queue.dependents import tell_dependents
from taskhub.queue.needs import let_wait, needs_anew
from taskhub.queue.steps import check_step, forget_steps
from taskhub.queue.transition import BATCH, SECOND_CHANCE, tasks
from taskhub.queue.unique import live_holders, retake
from taskhub.states import TaskState, Tie
from taskhub.trying import trying_again

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
    ended = chosen.filter(state__in=sorted(RETRYABLE)).order_by("id")
    return retry_all(list(ended.values_list("id", flat=True)), from_step=from_step)


def retry_all(ids: Sequence[int], *, from_step: str | None = None) -> int:
    """`retry_where`, of tasks that were chosen before; in their order.

    Counts those too that come back by themselves because what they need was retried a batch before them.
    """
    engine = get_engine()
    parts = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
    return sum(trying_again(partial(_requeue, part, from_step), engine) for part in parts)


def _requeue(ids: Sequence[int], from_step: str | None) -> int:
    """Queue tasks again or, where they have unmet needs, let them wait; tell those that wait for them."""
    engine = get_engine()
    with transaction.atomic(engine.alias):
        locked = tasks().filter(id__in=ids).order_by("id").select_for_update()
        found = list(locked.values_list("state", "id", "ties"))
        rows = [row[1:] for row in found if row[0] in RETRYABLE]
        back = _count_dependents([id_ for state, id_, _ in found if state not in RETRYABLE])
        refused = retake(engine, [task_id for task_id, _ in rows])
        rows = [row for row in rows if row[0] not in refused]
        if from_step is not None:
            forget_steps([task_id for task_id, _ in rows], from_step)
        again = {**SECOND_CHANCE, "ties": F("ties").bitand(~int(Tie.ORPHAN) & 0x7FFF)}
        unmet = needs_anew(engine, [task_id for task_id, _ in rows])
        let_wait({task_id: number for task_id, number in unmet.items() if number}, **again)
        ready = [task_id for task_id, number in unmet.items() if not number]
        if ready:
            at_once = {**again, "run_after": engine.clock(), "unmet": 0}
            admit(tasks().filter(id__in=ready), sources=RETRYABLE, **at_once)
        waited_for = [task_id for task_id, ties in rows if ties & Tie.DEPENDENTS]
        if waited_for:
            tell_dependents(engine, waited_for)
    return len(rows) + back


def _count_dependents(ids: Sequence[int]) -> int:
    links = Dependency.objects.using(get_engine().alias).filter(dependent_id__in=ids)
    return links.values("dependent_id").distinct().count() if ids else 0
