"""Rows as the queue would have written them, in any of the eight states, and the ends of claims."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from taskhub import queue
from taskhub.engines import get_engine
from taskhub.engines.rows import Claim, Ending, Skip
from taskhub.models import Outcome, Task, Worker
from taskhub.models.worker import WorkerKind
from taskhub.queue.claim import Shares
from taskhub.states import FINISHED, TaskState, WaitsFor
from tests.app import tasks

ADD = tasks.add.identifier
TIME_WAITERS = (TaskState.PENDING, TaskState.RETRYING)


def ago(seconds: float) -> datetime:
    """That many seconds before now; a negative number lies in the future."""
    return timezone.now() - timedelta(seconds=seconds)


def make_worker(name: str = "w1/1", **columns: Any) -> Worker:
    """Make the row of an executor that has just given a sign of life."""
    values = {"kind": WorkerKind.EXECUTOR, "host": "here", "pid": 1, "started_at": ago(60)}
    return Worker.objects.create(name=name, **{**values, "heartbeat_at": ago(0), **columns})


def columns_of(state: TaskState, worker: Worker | None = None) -> dict[str, Any]:
    """The columns that a state needs; what waits for its time is due."""
    values: dict[str, Any] = {"state": state}
    if state in TIME_WAITERS:
        values |= {"waits_for": WaitsFor.TIME, "run_after": ago(5)}
    if state == TaskState.RUNNING:
        values |= {"worker": worker or make_worker(), "started_at": ago(5)}
        values |= {"claim_no": 1, "attempt": 1}
    if state in FINISHED:
        values["finished_at"] = ago(5)
    return values


def new_task(state: TaskState, worker: Worker | None = None, **columns: Any) -> Task:
    """Build a task in a state, unsaved."""
    values = {"name": ADD, "queue": "default", "enqueued_at": ago(60), "args": [1]}
    return Task(**{**values, **columns_of(state, worker), **columns})


def make_task(
    state: TaskState = TaskState.QUEUED, worker: Worker | None = None, **columns: Any
) -> Task:
    """Make a task in a state."""
    task = new_task(state, worker, **columns)
    task.save()
    return task


def enqueue(count: int = 1, definition: Any = tasks.add) -> list[int]:
    """Enqueue so many tasks and return their ids."""
    ids, _ = queue.enqueue_many(definition, [((number,), {}) for number in range(count)])
    return ids


def claim(
    worker: Worker,
    count: int = 1,
    queues: str | dict[str, int] = "default",
    skip_names: Collection[str] = (),
) -> list[Claim]:
    """Claim as a child does."""
    weights = {queues: 1} if isinstance(queues, str) else queues
    return queue.claim(
        get_engine(), worker.pk, Shares(weights), count, Skip(names=list(skip_names))
    )


def ending(claimed: Claim, outcome: Outcome = Outcome.SUCCEEDED, **more: Any) -> Ending:
    """The end of a claim as the executor tells it, by its outcome."""
    values: dict[str, Any] = {"state": _STATE_OF[outcome], "outcome": outcome}
    if outcome == Outcome.SUCCEEDED:
        values["value"] = "1"
    if outcome in (Outcome.FAILED, Outcome.RETRYING):
        values |= {"failures": 1, "error_class": "builtins.ValueError", "message": "it broke"}
    if outcome in (Outcome.RETRYING, Outcome.SNOOZED):
        values["delay"] = 60.0
    if outcome in (Outcome.SNOOZED, Outcome.RELEASED):
        values["is_attempt_spent"] = False
    if outcome == Outcome.LOST:
        values["losses"] = 1
    if outcome == Outcome.INTERRUPTED:
        values["interruptions"] = 1
    return Ending(attempt=claimed.attempt, **{**_named(claimed), **values, **more})


def given_back(claimed: Claim) -> Ending:
    """The end of a claim that was never started."""
    return Ending(**_named(claimed), state=TaskState.QUEUED, is_attempt_spent=False)


def finish(worker: Worker, endings: Iterable[Ending]) -> list[Ending]:
    """Flush ends of claims as the worker does; return those that were recorded."""
    return queue.finish(get_engine(), worker.pk, worker.name, list(endings))


def claim_of(task: Task) -> Claim:
    """The claim that a row in state `running` would have been given."""
    return Claim(*(getattr(task, column) for column in Claim._fields))


def state_of(task_id: int) -> TaskState:
    return TaskState(Task.objects.values_list("state", flat=True).get(id=task_id))


def _named(claimed: Claim) -> dict[str, Any]:
    return {
        "task_id": claimed.id,
        "claim_no": claimed.claim_no,
        "ties": claimed.ties,
        "started_at": ago(0.1),
        "finished_at": ago(0),
    }


_STATE_OF = {
    Outcome.SUCCEEDED: TaskState.SUCCEEDED,
    Outcome.FAILED: TaskState.FAILED,
    Outcome.RETRYING: TaskState.RETRYING,
    Outcome.CANCELLED: TaskState.CANCELLED,
    Outcome.LOST: TaskState.QUEUED,
    Outcome.INTERRUPTED: TaskState.QUEUED,
    Outcome.SNOOZED: TaskState.PENDING,
    Outcome.RELEASED: TaskState.QUEUED,
}
