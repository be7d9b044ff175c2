"""Settle: what else follows when tasks with ties have left `queued` or `running`, in the same transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from django.db.models import F

from taskhub.engines import Engine
from taskhub.queue.dependents import tell_dependents
from taskhub.queue.transition import tasks
from taskhub.queue.unique import keep
from taskhub.queue.waiters import release_slots
from taskhub.states import FINISHED, TaskState, Tie

_HOLDING = (TaskState.QUEUED, TaskState.RUNNING)


def settle(engine: Engine, ids: Collection[int]) -> None:
    """Tell the dependents of those that have ended, keep unique keys that outlive them, and free their slots.

    The order is that of all locks: tasks, their dependents, then slots.
    """
    tied = tasks().filter(id__in=ids, ties__gt=0).order_by("id")
    rows = list(tied.values_list("id", "state", "ties", "concurrency_key"))
    ended = [(id_, ties) for id_, state, ties, _ in rows if state in FINISHED]
    if any(ties & Tie.UNIQUE_FOR for _, ties in ended):
        keep(engine, [id_ for id_, _ in ended])
    if waited_for := [id_ for id_, ties in ended if ties & Tie.DEPENDENTS]:
        tell_dependents(engine, waited_for)
    holders = {
        id_: key or ""
        for id_, state, ties, key in rows
        if ties & Tie.HOLDS and state not in _HOLDING
    }
    if holders:
        without = F("ties").bitand(~int(Tie.HOLDS) & 0x7FFF)
        tasks().filter(id__in=holders).update(ties=without)
        release_slots(engine, Counter(holders.values()))
