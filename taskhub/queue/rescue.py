"""Rescue: what a dead process held is queued again; a task that kills its workers fails as WorkerLost."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from enum import Enum
from typing import Any

from django.db import transaction
from django.db.models import F

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
from taskhub.queue.announce import announce_rescued
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
    INTERRUPTED = "another task that ran beside it had to be killed"


Count = Callable[[Claim, Ending], None]


def _nothing(claim: Claim, ending: Ending) -> None:
    """Count nothing."""


def rescue_child(
    child: Worker,
    started: Collection[int],
    how: str,
    cause: Cause = Cause.LOST,
    *,
    beside: Collection[int] = (),
    count: Count = _nothing,
) -> list[Ending]:
    """Free what a dead child held and mark it as stopped; return the endings recorded.

    `started` names the tasks that are to answer for its death: by `cause` they count one loss each, fail as an attempt
    that timed out, end as cancelled, or go back. Those that ran `beside` them count an interruption; all others, which
    had not started, go back free. `how` says how the child died. `count` is called with each claim and how it ended.
    """
    engine = get_engine()
    held = list(tasks().filter(worker=child, state=TaskState.RUNNING).order_by("id"))
    now = engine.now()
    causes = dict.fromkeys(beside, Cause.INTERRUPTED) | dict.fromkeys(started, cause)
    attempts = [
        Attempt(_claim(task), _definition(task), task.started_at or now, now) for task in held
    ]
    endings = [_ending(attempt, causes.get(attempt.claim.id), how) for attempt in attempts]
    recorded = finish(engine, child.pk, child.name, endings)
    claims = {attempt.claim.fence: attempt.claim for attempt in attempts}
    for ending in recorded:
        count(claims[ending.fence], ending)
    Worker.objects.using(engine.alias).filter(pk=child.pk, stopped_at__isnull=True).update(
        stopped_at=engine.clock(), is_lost=True
    )
    _credit(engine, child, recorded)
    for queue in {task.queue for task in held}:
        engine.notify(Kind.QUEUED, queue)
    announce_rescued(recorded)
    return recorded


def _credit(engine: Engine, child: Worker, endings: Sequence[Ending]) -> None:
    """Add these attempts to the statistics of who ran them and of its worker; a worker that lives writes its own."""
    attempts = [ending for ending in endings if ending.outcome]
    if not attempts:
        return
    outcomes = Counter(ending.outcome for ending in attempts)
    more = {
        "processed": F("processed") + len(attempts),
        "failed": F("failed") + outcomes[Outcome.FAILED],
        "retried": F("retried") + outcomes[Outcome.RETRYING],
        "run_seconds": F("run_seconds") + sum(ending.seconds for ending in attempts),
    }
    for pk in filter(None, (child.parent_id, child.pk)):
        Worker.objects.using(engine.alias).filter(pk=pk).update(**more)


def rescue_lost_workers(count: Count = _nothing) -> list[Worker]:
    """Rescue what is held by workers that gave no sign of life for a whole lease; return those declared lost.

    Each held task counts one loss: nobody is left to say which of them ran. `count`: as in `rescue_child`.
    """
    engine = get_engine()
    dead = engine.lost_workers(conf.get().lease)
    lost = _declare_lost(engine, dead) if dead else []
    others = set(dead) - {worker.pk for worker in lost}
    for worker in [*lost, *(_still_holding(engine, others) if others else ())]:
        held = set(
            tasks().filter(worker=worker, state=TaskState.RUNNING).values_list("id", flat=True)
        )
        if held:
            logger.error(
                "Worker %s gave no sign of life for %g s; rescuing %d tasks.",
                worker, conf.get().lease, len(held),
            )  # fmt: skip
            silence = f"gave no sign of life for {conf.get().lease:g} s"
            rescue_child(worker, held, silence, count=count)
    return lost


def _declare_lost(engine: Engine, dead: Collection[int]) -> list[Worker]:
    """Mark workers as lost, once over all rescuers, unless they have come back to life."""
    limit = engine.now() - timedelta(seconds=conf.get().lease)
    workers = Worker.objects.using(engine.alias)
    with transaction.atomic(engine.alias):
        silent = workers.filter(pk__in=dead, stopped_at__isnull=True, heartbeat_at__lt=limit)
        lost = list(silent.select_for_update(skip_locked=True).order_by("id"))
        workers.filter(pk__in=[worker.pk for worker in lost]).update(
            stopped_at=engine.clock(), is_lost=True
        )
    for worker in lost:  # for those who are told of it
        worker.is_lost, worker.stopped_at = True, engine.now()
    return lost


def _still_holding(engine: Engine, dead: Collection[int]) -> Sequence[Worker]:
    """Return stopped processes that still hold tasks: their rescuer died before it was done."""
    return list(Worker.objects.using(engine.alias).filter(pk__in=dead, stopped_at__isnull=False))


def _claim(task: Task) -> Claim:
    return Claim(*(getattr(task, column) for column in CLAIM_COLUMNS))


def _ending(attempt: Attempt, cause: Cause | None, how: str) -> Ending:
    message = f"The worker {how}."
    match cause:
        case None:  # user code never saw it
            return attempt.given_back()
        case Cause.TIMEOUT:
            what = {"error_class": path(TaskTimeout), "message": message}
            return failed(
                attempt,
                what,
                is_retryable=not matches(TaskTimeout(), attempt.definition.no_retry_on),
            )
        case Cause.CANCELLED:
            return attempt.ending(TaskState.CANCELLED, Outcome.CANCELLED, message=message)
        case Cause.RELEASED:
            return attempt.ending(
                TaskState.QUEUED, Outcome.RELEASED, message=message, is_attempt_spent=False
            )
    return _lost(attempt, cause, message)


def _lost(attempt: Attempt, cause: Cause, message: str) -> Ending:
    """Queue the task again and count a loss, or an interruption; at its limit it fails as WorkerLost."""
    settings, definition = conf.get(), attempt.definition
    is_loss = cause == Cause.LOST
    if is_loss:
        given = definition.max_worker_losses
        limit = settings.max_worker_losses if given is None else given
        count, counted = attempt.claim.losses + 1, {"losses": 1}
    else:
        limit, count = settings.max_interruptions, attempt.claim.interruptions + 1
        counted = {"interruptions": 1}
    what: dict[str, Any] = {"error_class": path(WorkerLost), "message": message, **counted}
    if definition.on_worker_loss == "fail" or count >= limit:
        return attempt.ending(TaskState.FAILED, Outcome.FAILED, **what)
    return attempt.ending(
        TaskState.QUEUED, Outcome.LOST if is_loss else Outcome.INTERRUPTED, **what
    )


def _definition(task: Task) -> TaskDefinition:
    """Return the definition with the options of the row; a rescuer without its code goes by the options alone."""
    known = registry.find(task.name) or UnknownDefinition(
        func=unknown, identifier=task.name, name=task.name
    )
    try:
        return known.as_stored(task.options or {})
    except (TaskhubError, InvalidTask, TypeError):  # damaged by hand
        return known
