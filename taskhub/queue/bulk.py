"""Bulk: a verb for many tasks. They are pinned by their ids first; then a batch is changed in each transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q, QuerySet

from taskhub.engines import Engine, get_engine
from taskhub.models import AuditEntry, BulkAction, BulkBatch, BulkState, BulkVerb, Task
from taskhub.queue import bulk_audit
from taskhub.queue.cancel import cancel_where
from taskhub.queue.restoring import restore
from taskhub.queue.retry import RETRYABLE, retry_all
from taskhub.queue.transition import BATCH, tasks
from taskhub.states import LIVE, WAITING, TaskState
from taskhub.text import storable
from taskhub.trying import trying_again

PINNED = 100_000  # tasks of one action; what is beyond goes in another round
PATIENCE = (
    10.0  # seconds in which they are to be found: without an index that is a walk through the table
)
UNDO = timedelta(minutes=15)
KEPT = timedelta(days=1)  # what was pinned, after the last batch
_PARTS = 200  # of the breakdown
STATES: Mapping[str, frozenset[TaskState]] = {
    BulkVerb.RETRY: RETRYABLE,
    BulkVerb.CANCEL: LIVE,
    BulkVerb.PURGE: WAITING,
}


class By(NamedTuple):
    """Who acts; people may live in another database."""

    user_id: str
    user_name: str


def pin(verb: BulkVerb, chosen: QuerySet[Task], by: By, filters: str = "") -> BulkAction:
    """Store the ids of those of `chosen` that `verb` is for, with their breakdown; changes no task.

    Retries go from the oldest on; what is cancelled goes from the newest on, as in `cancel_where`.

    Raises:
        TooSlow: the database took too long to find them.
        DatabaseError: nothing was stored.
    """
    engine = get_engine()
    order = "id" if verb == BulkVerb.RETRY else "-id"
    fits = chosen.filter(state__in=sorted(STATES[verb])).order_by(order)
    with engine.deadline(PATIENCE):
        rows = list(fits.values_list("id", "state", "name", "queue", "enqueued_at")[: PINNED + 1])
    is_more, rows = len(rows) > PINNED, rows[:PINNED]
    counts = Counter((state, name, queue) for _, state, name, queue, _ in sorted(rows))
    ages = [row[4] for row in rows]
    with transaction.atomic(engine.alias):
        action = BulkAction.objects.using(engine.alias).create(
            verb=verb, filters=storable(filters), user_id=storable(by.user_id)[:100],
            user_name=storable(by.user_name)[:200], created_at=engine.now(), moved_at=engine.now(),
            pinned=len(rows), is_more=is_more, breakdown=[[*key, n] for key, n in counts.most_common(_PARTS)],
            queues=sorted({row[3] for row in rows}),
            oldest_at=min(ages, default=None), newest_at=max(ages, default=None),
        )  # fmt: skip
        ids = [row[0] for row in rows]
        BulkBatch.objects.using(engine.alias).bulk_create(
            [
                BulkBatch(action=action, number=number, ids=ids[start : start + BATCH])
                for number, start in enumerate(range(0, len(ids), BATCH))
            ],
            batch_size=20,
        )
    return action


def start(action: BulkAction, entry: AuditEntry, reason: str) -> bool:
    """Let an action begin that nobody has begun; `entry` counts what it changes, and says whose the action is now.

    Tells whether it was ours to begin.
    """
    engine = get_engine()
    mine = BulkAction.objects.using(engine.alias).filter(pk=action.pk, state=BulkState.PREVIEW)
    why = storable(f"{action.mark}, {reason}", 500)
    begun = {"state": BulkState.RUNNING, "audit": entry, "moved_at": engine.clock(), "reason": why}
    return bool(mine.update(**begun, user_id=entry.user_id, user_name=entry.user_name))


def stop(action_id: int) -> bool:
    """End an action before its next batch; what was done stays done. Tells whether it was going on."""
    engine = get_engine()
    going = BulkAction.objects.using(engine.alias).filter(pk=action_id, state=BulkState.RUNNING)

    def once() -> bool:
        with transaction.atomic(engine.alias):
            action = going.select_for_update().first()
            if action is not None:
                _end(engine, action, BulkState.STOPPED)
            return action is not None

    return trying_again(once, engine)


def undo(action_id: int, entry: AuditEntry) -> bool:
    """Begin to restore what a purge cancelled, within its time; `run_batch` does it, and `entry` counts it.

    Tells whether it could.
    """
    engine = get_engine()
    over = Q(state__in=[BulkState.DONE, BulkState.STOPPED], undo_until__gt=engine.now())
    purge = BulkAction.objects.using(engine.alias).filter(over, pk=action_id, verb=BulkVerb.PURGE)

    def once() -> bool:
        with transaction.atomic(engine.alias):
            action = purge.select_for_update().first()
            if action is not None:
                bulk_audit.hand_over(action, entry)
                action.state, action.moved_at = BulkState.UNDOING, engine.now()
                action.save()
            return action is not None

    return trying_again(once, engine)


def run_batch(action_id: int) -> BulkAction:
    """Do the next batch of an action or of its undo, with its counts, in one transaction; return how it stands.

    Two that do so at once take turns. Nothing is done where the action does not go on.

    Raises:
        BulkAction.DoesNotExist: no such action.
    """
    engine = get_engine()

    def once() -> BulkAction:
        with transaction.atomic(engine.alias):
            rows = BulkAction.objects.using(engine.alias).select_for_update()
            action = rows.get(pk=action_id)
            if action.state == BulkState.RUNNING:
                _act(engine, action)
            elif action.state == BulkState.UNDOING:
                _restore(engine, action)
            return action

    return trying_again(once, engine)


def prune_bulk(limit: int = BATCH) -> int:
    """Forget what ended actions had pinned, and previews that nobody confirmed, after a day; return how many rows."""
    engine = get_engine()
    old = engine.now() - KEPT
    batches = BulkBatch.objects.using(engine.alias).filter(action__moved_at__lt=old)
    ids = list(batches.values_list("pk", flat=True)[:limit])
    if ids:
        return (
            batches.model.objects.using(engine.alias).filter(pk__in=ids)._raw_delete(engine.alias)
        )
    previews = BulkAction.objects.using(engine.alias).filter(
        state=BulkState.PREVIEW, moved_at__lt=old
    )
    return previews.delete()[0]


def _act(engine: Engine, action: BulkAction) -> None:
    batch = action.batches.using(engine.alias).filter(is_done=False).first()
    if batch is None:
        _end(engine, action, BulkState.DONE)
        return
    action.changed += _change(action, batch.ids)
    action.done += len(batch.ids)
    _mark(engine, batch, is_done=True)
    if not action.batches.using(engine.alias).filter(is_done=False).exists():
        _end(engine, action, BulkState.DONE)
        return
    action.moved_at = engine.now()
    action.save()
    bulk_audit.tell(action)


def _change(action: BulkAction, ids: list[int]) -> int:
    if action.verb == BulkVerb.RETRY:
        return retry_all(ids)
    chosen = tasks().filter(id__in=ids)
    return cancel_where(chosen, action.reason, states=STATES[action.verb])


def _restore(engine: Engine, action: BulkAction) -> None:
    batch = action.batches.using(engine.alias).filter(is_done=True, is_undone=False).first()
    if batch is not None:
        action.restored += restore(batch.ids, action.reason)
        _mark(engine, batch, is_undone=True)
    if not action.batches.using(engine.alias).filter(is_done=True, is_undone=False).exists():
        action.state = BulkState.UNDONE
    action.moved_at = engine.now()
    action.save()
    bulk_audit.tell(action)


def _mark(engine: Engine, batch: BulkBatch, **done: bool) -> None:
    BulkBatch.objects.using(engine.alias).filter(pk=batch.pk).update(**done)


def _end(engine: Engine, action: BulkAction, state: BulkState) -> None:
    action.state, action.moved_at = state, engine.now()
    if action.verb == BulkVerb.PURGE:  # what is retried or cancelled stays so
        action.undo_until = engine.now() + UNDO
    action.save()
    bulk_audit.tell(action)
