"""Retry: a person's (or a workflow's) second chance for a task that ended without success."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from taskhub.engines import get_engine
from taskhub.engines.wakeups import Kind
from taskhub.errors import IllegalTransition
from taskhub.models import Task
from taskhub.queue.transition import in_batches, move, tasks
from taskhub.states import TaskState

RETRYABLE = frozenset({TaskState.FAILED, TaskState.CANCELLED, TaskState.EXPIRED})


def retry(task_id: int) -> None:
    """Queue a failed, cancelled or expired task again, with all its retries, no expiry and its history kept.

    Raises:
        Task.DoesNotExist: no such task. IllegalTransition: it has not ended, or it succeeded.
    """
    if not retry_where(tasks().filter(id=task_id)):
        task = tasks().get(id=task_id)
        raise IllegalTransition(
            f"Task #{task_id} ({task.name}) is {task.state}; expected failed, cancelled or expired."
        )


def retry_where(chosen: QuerySet[Task]) -> int:
    """Queue those of `chosen` that ended without success again, in batches; return how many."""
    return in_batches(chosen.filter(state__in=sorted(RETRYABLE)), _requeue)


def _requeue(ids: list[int]) -> int:
    engine = get_engine()
    with transaction.atomic(engine.alias):
        moved = move(
            tasks().filter(id__in=ids), TaskState.QUEUED, sources=RETRYABLE,
            failures=0, losses=0, interruptions=0, expires_at=None, run_after=None, reason="",
            cancel_requested_at=None, cancel_raised_at=None, cancel_killed_at=None,
        )  # fmt: skip
        queues = tasks().filter(id__in=moved).order_by("queue").values_list("queue", flat=True)
        for queue in queues.distinct():
            engine.notify(Kind.QUEUED, queue)
    return len(moved)
