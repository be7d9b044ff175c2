"""Slots: how many tasks of a concurrency key may be queued or run at a time, and how many are.

Whoever takes or gives a slot keeps the key's row locked until the transaction ends, and changes the state of the task
in that transaction: so the number never differs from that of the holders where the lock is held.
"""

from __future__ import annotations

import logging

from django.db.models import QuerySet

from taskhub.engines import Engine
from taskhub.models import Slot
from taskhub.queue.transition import tasks

logger = logging.getLogger("taskhub.queue")


def take_slots(
    engine: Engine, key: str, wanted: int, limit: int | None = None, *, like: int | None = None
) -> int:
    """Take up to `wanted` slots of a key and return how many.

    A `limit` is the key's from now on. Where the key has no row and no limit is given, it is that of the task `like`.
    """
    slot = lock_slot(engine, key, limit, like=like)
    granted = max(0, min(wanted, slot.limit - slot.used))
    if granted:
        _slots(engine).filter(key=key).update(used=slot.used + granted)
    return granted


def give_slots(engine: Engine, key: str, count: int) -> int:
    """Give slots back; return how many of the key are free now."""
    slot = _slots(engine).filter(key=key).select_for_update().first()
    if slot is None:  # removed by hand: made anew when it is next needed
        return 0
    used = max(0, slot.used - count)
    _slots(engine).filter(key=key).update(used=used)
    return max(0, slot.limit - used)


def free_slots(engine: Engine, key: str) -> int:
    """Return how many slots of a key are free."""
    slot = _slots(engine).filter(key=key).first()
    return 0 if slot is None else max(0, slot.limit - slot.used)


def heal_slot(engine: Engine, key: str, *, like: int | None = None) -> int:
    """Count the holders of a key's slots and return how many are free; its row stays locked."""
    slot = lock_slot(engine, key, like=like)
    used = engine.count_holders([key]).get(key, 0)
    if used != slot.used:
        logger.warning("Slot %s: %s were in use on record; %s are.", key, slot.used, used)
        _slots(engine).filter(key=key).update(used=used)
    return max(0, slot.limit - used)


def lock_slot(
    engine: Engine, key: str, limit: int | None = None, *, like: int | None = None
) -> Slot:
    """Lock the row of a key, made where it is missing, and return it."""
    while True:
        slot = _slots(engine).filter(key=key).select_for_update().first()
        if slot is None:
            _create(engine, key, limit or _limit_of(like))
            continue
        if limit is not None and slot.limit != limit:
            _slots(engine).filter(key=key).update(limit=limit)
            slot.limit = limit
        return slot


def _create(engine: Engine, key: str, limit: int) -> None:
    """Make the row of a key, or lock that which another has made meanwhile."""
    # An upsert, for it locks at once what it finds: on MySQL two who only read it would both wait to write it.
    named = engine.connection.features.supports_update_conflicts_with_target
    _slots(engine).bulk_create(
        [Slot(key=key, limit=limit, used=engine.count_holders([key]).get(key, 0))],
        update_conflicts=True, update_fields=["limit"], unique_fields=["key"] if named else None,
    )  # fmt: skip


def _limit_of(task_id: int | None) -> int:
    """Return the limit that a task was enqueued with."""
    options = tasks().filter(id=task_id or 0).values_list("options", flat=True).first()
    limit = options.get("concurrency_limit") if isinstance(options, dict) else None
    return limit if isinstance(limit, int) and limit > 0 else 1


def _slots(engine: Engine) -> QuerySet[Slot]:
    return Slot.objects.using(engine.alias)
