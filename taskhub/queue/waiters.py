"""Waiters: those who wait at a gate are let in when slots or tokens have come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from taskhub.engines import Engine
from taskhub.queue.admit import admit
from taskhub.queue.gates import slot_gate
from taskhub.queue.slots import free_slots, give_slots
from taskhub.queue.transition import BATCH, tasks
from taskhub.states import TaskState

_ROUNDS = 5  # those who get a slot but no token give it back: then another may have it


def release_slots(engine: Engine, keys: Counter[str]) -> None:
    """Give slots back and let those in who wait for them; in the transaction in which their holders left.

    Waiters that somebody else has locked are passed over: who cancels them must not wait for us.
    """
    fill_slots(engine, {key: give_slots(engine, key, keys[key]) for key in sorted(keys)})


def fill_slots(engine: Engine, free: Mapping[str, int]) -> int:
    """Let waiters in for so many free slots of each key, whose rows the caller has locked; return how many."""
    total = 0
    for _ in range(_ROUNDS):
        free = {key: count for key, count in free.items() if count}
        moved = admit_waiters({slot_gate(key)[1]: count for key, count in free.items()})
        if not moved:
            break
        total += moved
        free = {key: free_slots(engine, key) for key in free}
    return total


def admit_waiters(wanted: Mapping[str, int]) -> int:
    """Admit the first few that wait at each gate, as they would be claimed; return how many wait there no more."""
    ids: list[int] = []
    for key, count in wanted.items():
        waiting = tasks().filter(waits_key=key).order_by("-priority", "position", "id")
        first = waiting.select_for_update(skip_locked=True).values_list("id", flat=True)
        ids += first[: min(count, BATCH - len(ids))] if len(ids) < BATCH else ()
    if not ids:
        return 0
    admit(tasks().filter(id__in=ids), sources={TaskState.PENDING, TaskState.RETRYING})
    return len(ids) - tasks().filter(id__in=ids, waits_key__in=list(wanted)).count()
