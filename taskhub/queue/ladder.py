"""The ladder by which a running task is cancelled: each step is written down with its time."""

from __future__ import annotations

from django.db.models import QuerySet

from taskhub.engines import get_engine
from taskhub.models import Task
from taskhub.queue.transition import tasks
from taskhub.states import TaskState


def is_cancel_requested(task_id: int, claim_no: int, worker_id: int) -> bool:
    """Tell whether somebody has asked to cancel the task that this claim runs."""
    return _held(task_id, claim_no, worker_id).filter(cancel_requested_at__isnull=False).exists()


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
