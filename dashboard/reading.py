"""Reading: bounded queries over tasks, so that a page costs the same with a thousand tasks and with millions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext

from dashboard.words import CAP
from taskhub import monitor
from taskhub.engines import queue_alias
from taskhub.models import Task, TaskCatalog
from taskhub.states import FINISHED, TaskState

_UNEVEN = timedelta(minutes=10)  # by which the clocks of those who enqueue may differ


def in_state(tasks: QuerySet[Task], state: TaskState) -> QuerySet[Task]:
    """Narrow to one state, in the words that the partial indexes of that state know."""
    tasks = tasks.filter(state=state)
    return tasks.filter(finished_at__isnull=False) if state in FINISHED else tasks


def count_capped(tasks: QuerySet[Task]) -> int:
    """Count no further than one over CAP: the database stops reading there."""
    return tasks.order_by().values("pk")[: CAP + 1].count()


def first_id_since(at: datetime) -> int:
    """Return an id below which no task was enqueued since `at`: ids grow with time, all but some that came together.

    Some twenty probes of the primary key, however many tasks there are.
    """
    tasks = monitor.tasks()
    low, high = 0, tasks.values_list("id", flat=True).first() or 0
    early = at - _UNEVEN
    while low < high:
        middle = (low + high) // 2
        found = tasks.filter(id__gt=middle).order_by("id").values_list("id", "enqueued_at").first()
        if found is None or found[1] >= early:
            high = middle
        else:
            low = found[0]
    return low + 1


def one_task(task_id: int) -> Task:
    """Return a task with its progress and worker.

    Raises:
        Http404: no such task.
    """
    try:
        return monitor.get_task(task_id)
    except Task.DoesNotExist:
        raise Http404(
            gettext("No task has the id %(id)s. It was never committed, or it was pruned.")
            % {"id": task_id}
        ) from None


def catalog(names: Iterable[str]) -> dict[str, TaskCatalog]:
    """Return what is known of the tasks of these names, in one query."""
    entries = TaskCatalog.objects.using(queue_alias()).filter(name__in=set(names))
    return {entry.name: entry for entry in entries}
