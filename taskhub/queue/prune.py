"""Prune: delete what has been kept for long enough, a small batch at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Concat

from taskhub import conf
from taskhub.engines import Engine, get_engine
from taskhub.models import (
    Checkpoint,
    Dependency,
    LogLine,
    Progress,
    Result,
    Slot,
    Step,
    Task,
    TaskTag,
    Worker,
    WorkflowRun,
)
from taskhub.queue.kept_values import forget_values
from taskhub.queue.transition import BATCH, tasks
from taskhub.result_backends import get_result_backend
from taskhub.result_backends.base import Fence
from taskhub.states import TaskState
from taskhub.trying import trying_again

PATIENCE = 1.0  # seconds that it waits for somebody's lock
Terms = Mapping[TaskState, float | None]

_BESIDE = (
    Result,
    Progress,
    Checkpoint,
    LogLine,
    Step,
    TaskTag,
)  # no foreign key of theirs is the database's


def retention() -> dict[TaskState, float | None]:
    """Return the seconds that a task is kept by its final state, as TASKHUB["RETENTION"] says; None: for ever."""
    return {TaskState(name): term for name, term in asdict(conf.get().retention).items()}


def prune(limit: int = BATCH, terms: Terms | None = None) -> int:
    """Delete up to `limit` tasks that ended longer ago than the term of their state (default: `retention()`).

    All that belongs to them goes in the same transaction. Tasks that somebody has locked, to retry them perhaps, are
    left out. Returns how many it were.
    """
    engine = get_engine()
    ids: list[int] = []
    kept: list[tuple[str, list[Fence]]] = []
    with engine.impatient(PATIENCE):
        for state, term in (retention() if terms is None else terms).items():
            if term is not None and len(ids) < limit:
                until = engine.now() - timedelta(seconds=term)
                ids += engine.lock_ended(state, until, limit - len(ids))
        if ids:
            kept = forget_values(engine, ids)
            _delete(engine, ids)
    for name, fences in kept:
        get_result_backend(name).cleanup(fences)
    return len(ids)


def prune_all(terms: Terms, batch: int = BATCH) -> dict[TaskState, int]:
    """Prune until nothing is left to delete; return how many tasks of each state it were."""
    engine = get_engine()

    def prune_one(state: TaskState, term: float | None) -> int:
        total = 0
        while number := trying_again(lambda: prune(batch, {state: term}), engine):
            total += number
        return total

    return {state: prune_one(state, term) for state, term in terms.items()}


def prune_preview(terms: Terms | None = None) -> dict[TaskState, int]:
    """Return how many tasks of each state there are to be pruned now."""
    engine = get_engine()
    return {
        state: 0 if term is None else _old(engine, state, term).count()
        for state, term in (retention() if terms is None else terms).items()
    }


def prune_logs(limit: int = BATCH) -> int:
    """Delete up to `limit` log lines older than TASKHUB["KEEP_LOGS"], the first that were written; return how many."""
    term = conf.get().keep_logs
    if term is None:
        return 0
    engine = get_engine()
    until = engine.now() - timedelta(seconds=term)
    lines = LogLine.objects.using(engine.alias)
    with engine.impatient(PATIENCE):
        first = lines.order_by("id").values_list("id", "at")[:limit]  # there is no index of times
        old = [line_id for line_id, at in first if at < until]
        if old:
            lines.filter(id__in=old)._raw_delete(engine.alias)
    return len(old)


def prune_workers(limit: int = BATCH) -> int:
    """Delete up to `limit` rows of processes that stopped longer ago than TASKHUB["KEEP_WORKERS"]; return how many.

    Children go before their worker, and nobody goes who still holds a task that is to be rescued.
    """
    term = conf.get().keep_workers
    if term is None:
        return 0
    engine = get_engine()
    rows = Worker.objects.using(engine.alias)
    held = Task.objects.filter(state=TaskState.RUNNING, worker=OuterRef("pk"))
    children = Worker.objects.filter(parent=OuterRef("pk"))
    gone = rows.filter(~Exists(held), ~Exists(children))
    gone = gone.filter(stopped_at__lt=engine.now() - timedelta(seconds=term)).order_by("pk")
    with engine.impatient(PATIENCE):
        ids = list(gone.select_for_update(skip_locked=True).values_list("pk", flat=True)[:limit])
        if ids:
            rows.filter(pk__in=ids)._raw_delete(engine.alias)
    return len(ids)


def prune_slots(limit: int = BATCH) -> int:
    """Delete up to `limit` slots of concurrency keys that no task uses or waits for; return how many."""
    engine = get_engine()
    slots = Slot.objects.using(engine.alias)
    with engine.impatient(PATIENCE):
        waiting = Task.objects.filter(waits_key=Concat(Value("slot:"), OuterRef("key")))
        idle = slots.filter(~Exists(waiting), used=0).select_for_update(skip_locked=True)
        keys = list(idle.values_list("key", flat=True)[:limit])
        if keys:
            slots.filter(key__in=keys, used=0)._raw_delete(engine.alias)
    return len(keys)


def _old(engine: Engine, state: TaskState, term: float) -> QuerySet[Task]:
    until = engine.now() - timedelta(seconds=term)
    return tasks().filter(state=state, finished_at__isnull=False, finished_at__lt=until).order_by()


def _delete(engine: Engine, ids: Sequence[int]) -> None:
    runs = tasks().filter(id__in=ids, workflow_id__isnull=False).order_by()
    run_ids = set(runs.values_list("workflow_id", flat=True))
    for model in _BESIDE:
        engine.delete_rows(model._meta.db_table, "task_id", ids)
    for column in ("upstream_id", "dependent_id") if run_ids else ():
        engine.delete_rows(Dependency._meta.db_table, column, ids)
    engine.delete_rows(Task._meta.db_table, "id", ids)
    if run_ids:
        left = tasks().filter(workflow_id__in=run_ids).order_by()
        run_ids -= set(left.values_list("workflow_id", flat=True))
        WorkflowRun.objects.using(engine.alias).filter(pk__in=run_ids)._raw_delete(engine.alias)
