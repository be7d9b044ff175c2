"""Reading: bounded queries over tasks, so that a page costs the same with a thousand tasks and with millions."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet
from django.http import Http404

from dashboard.words import CAP
from taskhub import monitor
from taskhub.engines import queue_alias
from taskhub.models import Task, TaskCatalog
from taskhub.states import FINISHED, TaskState


def in_state(tasks: QuerySet[Task], state: TaskState) -> QuerySet[Task]:
    """Narrow to one state, in the words that the partial indexes of that state know."""
    tasks = tasks.filter(state=state)
    return tasks.filter(finished_at__isnull=False) if state in FINISHED else tasks


def count_capped(tasks: QuerySet[Task]) -> int:
    """Count no further than one over CAP: the database stops reading there."""
    return tasks.order_by().values("pk")[: CAP + 1].count()


def one_task(task_id: int) -> Task:
    """Return a task with its progress and worker.

    Raises:
        Http404: no such task.
    """
    try:
        return monitor.get_task(task_id)
    except Task.DoesNotExist:
        raise Http404(
            f"No task has the id {task_id}. It was never committed, or it was pruned."
        ) from None


def catalog(names: Iterable[str]) -> dict[str, TaskCatalog]:
    """Return what is known of the tasks of these names, in one query."""
    entries = TaskCatalog.objects.using(queue_alias()).filter(name__in=set(names))
    return {entry.name: entry for entry in entries}
