"""Rescue: what a dead process held is queued again; a task that kills its workers fails as WorkerLost."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import timedelta
from enum import Enum

from django.db import transaction

from taskhub import conf, registry
from taskhub.compat import InvalidTask
from taskhub.definition import TaskDefinition
from taskhub.engines import Engine, get_engine
from taskhub.engines.rows import CLAIM_COLUMNS, Claim, Ending
from taskhub.engines.wakeups import Kind
from taskhub.errors import TaskhubError, TaskTimeout, WorkerLost
from taskhub.models import Outcome, Task, Worker
from taskhub.options import matches, path
from taskhub.placeholder import UnknownDefinition, unknown
from taskhub.queue.finish import finish
from taskhub.queue.transition import tasks
from taskhub.queue.verdict import Attempt, failed
from taskhub.states import TaskState

logger = logging.getLogger("taskhub.queue")


class Cause(Enum):
    """Why a child that ran a task is gone."""

    LOST = "it died"
    TIMEOUT = "the task did not leave after its timeout"
    CANCELLED = "the task was cancelled and did not leave"
    RELEASED = "the worker was shut down"


def rescue_child(
    child: Worker, started: Collection[int], how: str, cause: Cause = Cause.LOST
) -> list[Ending]:
    """Free what a dead child held and mark it as stopped; return the endings recorded.

    `started` names the tasks that it was really running: by `cause` they count one loss each, fail
    as an attempt that timed out, end as cancelled, or go back; the others go back free. `how` says how the child died.
    """
    engine = get_engine()
    held = list(tasks().filter(worker=child, state=TaskState.RUNNING).order_by("id"))
    endings = [_ending(engine, task, task.id in started, how, cause) for task in held]
    recorded = finish(engine, child.pk, child.name, endings)
    Worker.objects.using(engine.alias).filter(pk=child.pk, stopped_at__isnull=True).update(
        stopped_at=engine.clock(), is_lost=True
    )
    for queue in {task.queue for task in held}:
        engine.notify(Kind.QUEUED, queue)
    return recorded


def rescue_lost_workers() -> list[Worker]:
    """Rescue what is held by workers that gave no sign of life for a whole lease; return those declared lost.

    Each held task counts one loss: nobody is left to say which of them ran.
    """
    engine = get_engine()
    limit = engine.now() - timedelta(seconds=conf.get().lease)
    with transaction.atomic(engine.alias):
        rows = Worker.objects.using(engine.alias).filter(
            stopped_at__isnull=True, heartbeat_at__lt=limit
        )
        lost = list(rows.select_for_update(skip_locked=True).order_by("id"))
        Worker.objects.using(engine.alias).filter(pk__in=[worker.pk for worker in lost]).update(
            stopped_at=engine.clock(), is_lost=True
        )
    for worker in [*lost, *_children_of_the_dead(engine)]:
        held = set(
            tasks().filter(worker=worker, state=TaskState.RUNNING).values_list("id", flat=True)
        )
        if held:
            logger.error(
                "Worker %s gave no sign of life for %g s; rescuing %d tasks.",
                worker,
                conf.get().lease,
                len(held),
            )
            rescue_child(worker, held, f"gave no sign of life for {conf.get().lease:g} s")
    return lost


def _children_of_the_dead(engine: Engine) -> Sequence[Worker]:
    """Return stopped processes that still hold tasks: their rescuer died before it was done."""
    holders = tasks().filter(state=TaskState.RUNNING).values("worker_id").distinct()
    return list(Worker.objects.using(engine.alias).filter(pk__in=holders, stopped_at__isnull=False))


def _ending(engine: Engine, task: Task, is_started: bool, how: str, cause: Cause) -> Ending:
    now = engine.now()
    claim = Claim(*(getattr(task, column) for column in CLAIM_COLUMNS))
    definition = _definition(task)
    attempt = Attempt(claim, definition, task.started_at or now, now)
    if not is_started:
        return attempt.given_back()
    message = f"The worker {how}."
    match cause:
        case Cause.TIMEOUT:
            what = {"error_class": path(TaskTimeout), "message": message}
            return failed(
                attempt, what, is_retryable=not matches(TaskTimeout(), definition.no_retry_on)
            )
        case Cause.CANCELLED:
            return attempt.ending(TaskState.CANCELLED, Outcome.CANCELLED, message=message)
        case Cause.RELEASED:
            return attempt.ending(
                TaskState.QUEUED, Outcome.RELEASED, message=message, is_attempt_spent=False
            )
    limit = (
        conf.get().max_worker_losses
        if definition.max_worker_losses is None
        else definition.max_worker_losses
    )
    what = {"error_class": path(WorkerLost), "message": message}
    if definition.on_worker_loss == "fail" or task.losses + 1 >= limit:
        return attempt.ending(TaskState.FAILED, Outcome.FAILED, losses=1, **what)
    return attempt.ending(TaskState.QUEUED, Outcome.LOST, losses=1, **what)


def _definition(task: Task) -> TaskDefinition:
    """Return the definition with the options of the row; a rescuer without its code goes by the options alone."""
    known = registry.find(task.name) or UnknownDefinition(
        func=unknown, identifier=task.name, name=task.name
    )
    try:
        return known.using(**(task.options or {}))
    except (TaskhubError, InvalidTask, TypeError):  # damaged by hand
        return known
