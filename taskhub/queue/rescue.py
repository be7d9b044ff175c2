"""Rescue: what a dead process held is queued again; a task that kills its workers fails as WorkerLost."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import timedelta

from django.db import transaction

from taskhub import conf, registry
from taskhub.engines import Engine, get_engine
from taskhub.engines.rows import Ending
from taskhub.engines.wakeups import Kind
from taskhub.errors import WorkerLost
from taskhub.models import Outcome, Task, Worker
from taskhub.queue.finish import finish
from taskhub.queue.transition import tasks
from taskhub.states import TaskState

logger = logging.getLogger("taskhub.queue")
_LOST = f"{WorkerLost.__module__}.{WorkerLost.__qualname__}"


def rescue_child(child: Worker, started: Collection[int], how: str, cause: Outcome = Outcome.LOST) -> list[Ending]:
    """Free what a dead child held and mark it as stopped; return the endings recorded.

    `started` names the tasks that it was really running: they count one loss each (or, by `cause`, an interruption, or
    end as cancelled or failed), the others go back free. `how` says how the child died.
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
        rows = Worker.objects.using(engine.alias).filter(stopped_at__isnull=True, heartbeat_at__lt=limit)
        lost = list(rows.select_for_update(skip_locked=True).order_by("id"))
        Worker.objects.using(engine.alias).filter(pk__in=[worker.pk for worker in lost]).update(
            stopped_at=engine.clock(), is_lost=True
        )
    for worker in [*lost, *_children_of_the_dead(engine)]:
        held = set(tasks().filter(worker=worker, state=TaskState.RUNNING).values_list("id", flat=True))
        if held:
            logger.error("Worker %s gave no sign of life for %g s; rescuing %d tasks.", worker, conf.get().lease, len(held))
            rescue_child(worker, held, f"gave no sign of life for {conf.get().lease:g} s")
    return lost


def _children_of_the_dead(engine: Engine) -> Sequence[Worker]:
    """Return stopped processes that still hold tasks: their rescuer died before it was done."""
    holders = tasks().filter(state=TaskState.RUNNING).values("worker_id").distinct()
    return list(Worker.objects.using(engine.alias).filter(pk__in=holders, stopped_at__isnull=False))


def _ending(engine: Engine, task: Task, is_started: bool, how: str, cause: Outcome) -> Ending:
    now = engine.now()
    started_at = task.started_at or now
    if not is_started:
        return Ending(
            task_id=task.id, claim_no=task.claim_no, state=TaskState.QUEUED, started_at=started_at, finished_at=now,
            is_attempt_spent=False,
        )  # fmt: skip
    counts_loss, counts_interruption = cause == Outcome.LOST, cause == Outcome.INTERRUPTED
    limit, on_loss = _limits(task)
    if cause in (Outcome.CANCELLED, Outcome.FAILED):
        state = TaskState(cause.value)
    elif counts_interruption:
        state = TaskState.FAILED if task.interruptions + 1 >= conf.get().max_interruptions else TaskState.QUEUED
    else:
        state = TaskState.FAILED if on_loss == "fail" or task.losses + 1 >= limit else TaskState.QUEUED
    return Ending(
        task_id=task.id, claim_no=task.claim_no, state=state, started_at=started_at, finished_at=now,
        outcome=Outcome.FAILED if state == TaskState.FAILED else cause, error_class=_LOST, message=f"The worker {how}.",
        losses=int(counts_loss), interruptions=int(counts_interruption),
    )  # fmt: skip


def _limits(task: Task) -> tuple[int, str]:
    definition = registry.find(task.name)
    options = task.options or {}
    limit = options.get("max_worker_losses", definition.max_worker_losses if definition else None)
    on_loss = options.get("on_worker_loss", definition.on_worker_loss if definition else "retry")
    return (conf.get().max_worker_losses if limit is None else limit), on_loss
