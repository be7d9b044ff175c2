"""Promote: what is due moves to `queued`, at its time."""

from __future__ import annotations

from django.db import transaction

from taskhub.engines import get_engine
from taskhub.engines.wakeups import Kind
from taskhub.queue.transition import BATCH, move, tasks
from taskhub.states import TaskState, WaitsFor


def promote_due() -> int:
    """Queue up to BATCH tasks whose time has come, wake workers, and return how many. Leaves out locked rows."""
    engine = get_engine()
    ids = engine.due_ids(BATCH)
    if not ids:
        return 0
    with transaction.atomic(engine.alias):
        moved = move(
            tasks().filter(id__in=ids, waits_for=WaitsFor.TIME, run_after__lte=engine.clock()),
            TaskState.QUEUED, sources={TaskState.PENDING, TaskState.RETRYING}, wait=False,
        )  # fmt: skip
        if engine.has_wakeups and moved:
            queues = tasks().filter(id__in=moved).order_by("queue").values_list("queue", flat=True)
            for queue in queues.distinct():
                engine.notify(Kind.QUEUED, queue)
    return len(moved)


def upcoming() -> tuple[float | None, float | None]:
    """Return the seconds until the next task is due, and until the next waiting one expires (0 or less: overdue).

    None where nothing waits for its time, or nothing expires.
    """
    return get_engine().upcoming()
