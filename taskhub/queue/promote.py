"""Promote: what is due moves to `queued`, at its time."""

from __future__ import annotations

from taskhub.engines import get_engine
from taskhub.engines.rows import Upcoming
from taskhub.queue.admit import admit
from taskhub.queue.transition import BATCH, tasks
from taskhub.states import TaskState, WaitsFor


def promote_due() -> int:
    """Queue up to BATCH tasks whose time has come, wake workers, and return how many. Leaves out locked rows."""
    engine = get_engine()
    ids = engine.due_ids(BATCH)
    if not ids:
        return 0
    due = tasks().filter(id__in=ids, waits_for=WaitsFor.TIME, run_after__lte=engine.clock())
    return len(admit(due, sources={TaskState.PENDING, TaskState.RETRYING}, wait=False))


def upcoming() -> Upcoming:
    """Return what is to be done next: see `Upcoming`."""
    return get_engine().upcoming()
