"""Insertion: new tasks with all that belongs to them, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db import transaction

from taskhub.engines import Engine
from taskhub.engines.rows import NewTask
from taskhub.models import TaskTag
from taskhub.queue.entrance import through_gates
from taskhub.queue.fairness import in_turn


def insert(
    engine: Engine,
    rows: Sequence[NewTask],
    tags: Collection[str],
    *,
    is_inside: bool,
) -> tuple[list[int], Sequence[NewTask]]:
    """Insert tasks with their tags, all or none; return their ids, and the rows as they were born.

    `is_inside`: in a transaction of the caller's.
    """
    with transaction.atomic(engine.alias):
        born = in_turn(through_gates(engine, rows, is_inside=is_inside))
        ids = [engine.insert(born[0])] if len(born) == 1 else engine.insert_many(born)
        if names := dict.fromkeys(tags):
            tagged = [TaskTag(task_id=task_id, name=name) for task_id in ids for name in names]
            TaskTag.objects.using(engine.alias).bulk_create(tagged, batch_size=1000)
    return ids, born
