"""Checkpoints: what a task writes down so that its next attempt can go on from there."""

from __future__ import annotations

import json

from django.db import transaction

from taskhub.engines import Engine
from taskhub.models import Checkpoint
from taskhub.queue.transition import tasks
from taskhub.states import TaskState


def save_checkpoint(
    engine: Engine, claim_id: int, claim_no: int, worker_id: int, attempt: int, text: str
) -> bool:
    """Store JSON `text` as a task's checkpoint if the claim still holds the task; return whether it does.

    Locks the task's row: a worker that was frozen past its lease never overwrites what its successor has saved.
    """
    with transaction.atomic(engine.alias):
        held = tasks().filter(
            id=claim_id, claim_no=claim_no, worker_id=worker_id, state=TaskState.RUNNING
        )
        if not list(held.select_for_update().values_list("id")):
            return False
        row = Checkpoint(
            task_id=claim_id, value=json.loads(text), attempt=attempt, updated_at=engine.now()
        )
        Checkpoint.objects.using(engine.alias).bulk_create(
            [row],
            update_conflicts=True,
            update_fields=["value", "attempt", "updated_at"],
            unique_fields=[] if engine.vendor == "mysql" else ["task"],
        )
    return True


def load_checkpoint(engine: Engine, task_id: int) -> str | None:
    """Return a task's checkpoint as JSON text; None where it has none."""
    rows = Checkpoint.objects.using(engine.alias).filter(task_id=task_id)
    values = list(rows.values_list("value", flat=True))
    return json.dumps(values[0]) if values else None
