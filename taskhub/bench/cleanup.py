"""Clean-up: a mark that says where the benchmark's rows begin, and their removal."""

from __future__ import annotations

from django.db import transaction

from taskhub.bench import floor
from taskhub.bench.admission import PREFIX, QUEUES
from taskhub.engines import Engine
from taskhub.models import MetricBucket, MetricWriter, OldestWait, Queue, Task, TaskCatalog, Worker
from taskhub.trying import trying_again

TASKS_AT_ONCE = 1000
_MARK = "taskhub_bench measures; its tasks follow #"
_NAMES = "taskhub.bench.tasks."


def begin(engine: Engine) -> None:
    """Remove what a benchmark that was killed has left, and mark where the rows of this one begin.

    The mark is a row of Queue, which the dashboard lists: who looks sees that somebody measures.
    """
    end(engine)
    last = Task.objects.using(engine.alias).order_by("-id").values_list("id", flat=True).first()
    Queue.objects.using(engine.alias).create(name=PREFIX, pause_reason=f"{_MARK}{last or 0}")


def end(engine: Engine) -> int:
    """Remove all rows of the benchmark, in transactions of a thousand tasks each, and return how many tasks it were.

    Reads no task that is older than the mark; where there is no mark, there is nothing to remove.
    """
    mark = Queue.objects.using(engine.alias).filter(name=PREFIX).first()
    if mark is None:
        return 0
    removed = _remove_tasks(engine, int(mark.pause_reason.removeprefix(_MARK)))
    floor.drop_table(engine)
    _remove_traces(engine)
    mark.delete()
    return removed


def _remove_tasks(engine: Engine, after: int) -> int:
    removed = 0
    rows = Task.objects.using(engine.alias).filter(queue__in=QUEUES).order_by("id")
    while ids := list(rows.filter(id__gt=after).values_list("id", flat=True)[:TASKS_AT_ONCE]):
        trying_again(lambda ids=ids: _delete(engine, ids), engine)  # type: ignore[misc]
        after, removed = ids[-1], removed + len(ids)
    return removed


def _delete(engine: Engine, ids: list[int]) -> None:
    with transaction.atomic(engine.alias):
        for relation in Task._meta.related_objects:
            beside = relation.related_model._meta.db_table
            engine.delete_rows(beside, str(relation.field.column), ids)
        engine.delete_rows(Task._meta.db_table, "id", ids)


def _remove_traces(engine: Engine) -> None:
    """Remove what workers have written of themselves, of the tasks' names and of how they fared."""
    workers = Worker.objects.using(engine.alias)
    roots = list(
        workers.filter(name__startswith=f"{PREFIX}:", parent=None).values_list("pk", flat=True)
    )
    children = list(workers.filter(parent__in=roots).values_list("pk", flat=True))
    for rows in (
        MetricBucket.objects.filter(queue__in=QUEUES),
        OldestWait.objects.filter(queue__in=QUEUES),
        MetricWriter.objects.filter(writer__in=children),
        Worker.objects.filter(pk__in=children),
        Worker.objects.filter(pk__in=roots),
        TaskCatalog.objects.filter(name__startswith=_NAMES),
        Queue.objects.filter(name__in=QUEUES),
    ):
        rows._raw_delete(engine.alias)
