"""Steps: what a task has done once for all its attempts, by name, each with the value that it gave."""

from __future__ import annotations

import json
from collections.abc import Collection

from django.db.models import QuerySet
from django.db.utils import IntegrityError

from taskhub.engines import Engine, get_engine
from taskhub.engines.rows import Claim
from taskhub.errors import StaleClaim, UnknownStep
from taskhub.models import Step, Task
from taskhub.queue.transition import tasks
from taskhub.states import TaskState

_PATIENCE = 0.02  # seconds (on MySQL a second) that the control thread waits for a lock


def save_step(engine: Engine, claim: Claim, name: str, text: str) -> str | None:
    """Store JSON `text` as what a step gave, if the claim still holds the task; return what is recorded, else None.

    Locks the task's row, so that no two claims record the same step. May be called again after a lost connection.

    Raises:
        DatabaseError: `is_conflict`, where somebody holds a lock that it needs; call it again.
    """
    with engine.impatient(_PATIENCE):
        if not list(_held(claim).select_for_update().values_list("id")):
            return None
        recorded = find_step(engine, claim.id, name)
        if recorded is None:
            _row(engine, claim, name, text).save(using=engine.alias, force_insert=True)
        return recorded or text


def add_step(engine: Engine, claim: Claim, name: str, text: str) -> None:
    """Store what a step gave in the caller's transaction, with whatever else that one does, or nothing of it.

    Locks nothing: the step is done if that transaction commits, whoever holds the task by then; of two that did the
    same step only one can commit.

    Raises:
        StaleClaim: another claim has taken the task over, or has done the step; the transaction must not commit.
    """
    if not _held(claim).exists():
        raise StaleClaim(f"Task {claim.id}: {StaleClaim.__doc__}")
    try:
        _row(engine, claim, name, text).save(using=engine.alias, force_insert=True)
    except IntegrityError as error:
        raise StaleClaim(f"Task {claim.id}: another claim has done the step {name!r}.") from error


def find_step(engine: Engine, task_id: int, name: str) -> str | None:
    """Return what a step gave as JSON text; None where it has not been done."""
    values = list(_steps(engine).filter(task_id=task_id, name=name).values_list("value", flat=True))
    return json.dumps(values[0]) if values else None


def load_steps(engine: Engine, task_id: int) -> dict[str, str]:
    """Return what the steps of a task gave as JSON text, by their names, in the order in which they were done."""
    rows = _steps(engine).filter(task_id=task_id).order_by("id").values_list("name", "value")
    return {name: json.dumps(value) for name, value in rows}


def check_step(task_id: int, name: str) -> None:
    """Refuse a name that is none of the task's steps.

    Raises:
        UnknownStep: lists the steps that it has done.
    """
    done = list(load_steps(get_engine(), task_id))
    if name not in done:
        known = ", ".join(map(repr, done)) or "none"
        raise UnknownStep(f"Task #{task_id} has not done a step {name!r}; its steps are: {known}.")


def forget_steps(task_ids: Collection[int], first: str) -> None:
    """Remove a step of each task, and those that were done after it; in the caller's transaction."""
    engine = get_engine()
    named = _steps(engine).filter(task_id__in=task_ids, name=first)
    for task_id, step_id in list(named.values_list("task_id", "id")):
        _steps(engine).filter(task_id=task_id, id__gte=step_id).delete()


def _held(claim: Claim) -> QuerySet[Task]:
    return tasks().filter(id=claim.id, claim_no=claim.claim_no, state=TaskState.RUNNING)


def _steps(engine: Engine) -> QuerySet[Step]:
    return Step.objects.using(engine.alias)


def _row(engine: Engine, claim: Claim, name: str, text: str) -> Step:
    return Step(
        task_id=claim.id, name=name, value=json.loads(text), attempt=claim.attempt,
        finished_at=engine.now(),
    )  # fmt: skip
