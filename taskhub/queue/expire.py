"""Expire: tasks that did not start in time."""

from __future__ import annotations

from django.db import transaction

from taskhub.engines import get_engine
from taskhub.queue.announce import announce_finished
from taskhub.queue.settle import settle
from taskhub.queue.transition import BATCH, move, tasks
from taskhub.states import TaskState


def expire_overdue() -> int:
    """End up to BATCH waiting tasks whose `expires_at` has passed as `expired`; return how many."""
    engine = get_engine()
    ids = engine.overdue_ids(BATCH)
    if not ids:
        return 0
    with transaction.atomic(engine.alias):
        overdue = tasks().filter(id__in=ids, expires_at__lte=engine.clock())
        moved = move(overdue, TaskState.EXPIRED, wait=False)
        settle(engine, moved)
        announce_finished(moved)
    return len(moved)
