"""The ladder by which a running task is cancelled: each step is written down with its time."""

from __future__ import annotations

from django.db.models import QuerySet

from taskhub.engines import get_engine
from taskhub.models import Task
from taskhub.queue.transition import tasks
from taskhub.states import TaskState


def cancelled_claims(worker_id: int) -> set[tuple[int, int]]:
    """Return (task id, claim number) of those claims of a child that somebody has asked to cancel."""
    held = tasks().filter(
        worker_id=worker_id, state=TaskState.RUNNING, cancel_requested_at__isnull=False
    )
    return set(held.values_list("id", "claim_no"))


def held_claims(worker_id: int) -> list[tuple[int, int]]:
    """Return (task id, claim number) of all that a child holds on record."""
    held = tasks().filter(worker_id=worker_id, state=TaskState.RUNNING)
    return list(held.values_list("id", "claim_no").order_by("id"))


def note_raised(task_id: int, claim_no: int, worker_id: int) -> None:
    """Write down that the exception is raised in the task."""
    _held(task_id, claim_no, worker_id).update(cancel_raised_at=get_engine().clock())


def note_killed(task_id: int, claim_no: int) -> None:
    """Write down that the task's process was killed."""
    found = tasks().filter(id=task_id, claim_no=claim_no, cancel_requested_at__isnull=False)
    found.update(cancel_killed_at=get_engine().clock())


def _held(task_id: int, claim_no: int, worker_id: int) -> QuerySet[Task]:
    return tasks().filter(
        id=task_id, claim_no=claim_no, worker_id=worker_id, state=TaskState.RUNNING
    )
