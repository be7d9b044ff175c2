"""Directly: one very task is claimed, whatever waits before it and whatever time it waits for."""

from __future__ import annotations

import json

from django.db import transaction
from django.db.models import F

from taskhub.engines import get_engine
from taskhub.engines.rows import CLAIM_COLUMNS, Claim
from taskhub.models import Queue
from taskhub.queue.admit import admit
from taskhub.queue.transition import tasks
from taskhub.states import TaskState, WaitsFor

AT_A_GATE = (
    WaitsFor.TIME,
    WaitsFor.SLOT,
    WaitsFor.RATE,
)  # what a task may wait for that is to run at once


def claim_directly(worker_id: int, task_id: int) -> Claim | None:
    """Claim this task, at once where it waits for its time, or before a gate that is open.

    None where it cannot be: it waits for something else, is locked or has expired, or its queue is paused.
    """
    engine = get_engine()
    one = tasks().filter(id=task_id)
    with transaction.atomic(engine.alias):
        early = one.filter(waits_for__in=AT_A_GATE)
        admit(early, sources={TaskState.PENDING, TaskState.RETRYING})
        paused = Queue.objects.using(engine.alias).filter(is_paused=True).values("name")
        ready = one.filter(state=TaskState.QUEUED).exclude(queue__in=paused)
        ready = ready.exclude(expires_at__lte=engine.clock()).select_for_update(skip_locked=True)
        if not list(ready.values_list("id", flat=True)):
            return None
        one.update(
            state=TaskState.RUNNING, worker=worker_id, claim_no=F("claim_no") + 1, attempt=F("attempt") + 1,
            started_at=engine.clock(),
        )  # fmt: skip
        row = one.values(*CLAIM_COLUMNS).get()
    texts = {name: json.dumps(row[name]) for name in ("args", "kwargs")}
    options = json.dumps(row["options"]) if row["options"] else None
    return Claim(**{**row, **texts, "options": options})
