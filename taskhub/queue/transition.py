"""The one conditional write by which tasks outside the hot path change state."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from taskhub.engines import get_engine, queue_alias
from taskhub.models import Task
from taskhub.states import FINISHED, SOURCES, TaskState, WaitsFor
from taskhub.trying import trying_again

BATCH = 500
# What a task begins anew with when it gets a second chance after its end.
SECOND_CHANCE: dict[str, Any] = {
    "failures": 0, "losses": 0, "interruptions": 0, "expires_at": None, "run_after": None, "reason": "",
    "cancel_requested_at": None, "cancel_raised_at": None, "cancel_killed_at": None,
}  # fmt: skip


def move(
    tasks: QuerySet[Task],
    to: TaskState,
    *,
    sources: Collection[TaskState] | None = None,
    wait: bool = True,
    **columns: Any,
) -> list[int]:
    """Move at most BATCH of `tasks` to state `to` and return their ids; rows in other states are left alone.

    Only legal sources are taken, narrowed by `sources`. Rows are locked in the order of their ids first; with
    `wait=False` those locked by somebody else are left out. One transaction, or a savepoint in the caller's.
    """
    legal = SOURCES[to] & frozenset(sources) if sources is not None else SOURCES[to]
    engine = get_engine()

    def lock_and_write() -> list[int]:
        with transaction.atomic(engine.alias):
            rows = (
                tasks.using(engine.alias)
                .filter(state__in=sorted(legal))
                .select_for_update(skip_locked=not wait)
            )
            ids = sorted(rows.order_by("id").values_list("id", flat=True)[:BATCH])
            write(ids, to, **columns)
            return ids

    return trying_again(lock_and_write, engine)


def write(ids: Collection[int], to: TaskState, **columns: Any) -> None:
    """Write state `to` into rows that the caller has locked, and whose states he knows to be legal sources."""
    if not ids:
        return
    values: dict[str, Any] = {
        "state": to,
        "waits_for": WaitsFor.NOTHING,
        "worker": None,
        "finished_at": None,
        **columns,
    }
    if to in FINISHED:
        values |= {"finished_at": get_engine().clock(), "unique_lock": None, "waits_key": None}
    tasks().filter(id__in=ids).update(**values)


def in_batches(
    chosen: QuerySet[Task], act: Callable[[list[int]], int], *, newest_first: bool = False
) -> int:
    """Let `act` change `chosen` tasks by their ids, BATCH at a time and in their order; return how many it changed.

    `act` is one transaction, tried again after a conflict; what it leaves alone is not chosen twice. With
    `newest_first` the batches come in the reverse order.
    """
    engine = get_engine()
    total, part = 0, chosen
    order, beyond = ("-id", "id__lt") if newest_first else ("id", "id__gt")
    while True:
        ids = list(part.order_by(order).values_list("id", flat=True)[:BATCH])
        total += trying_again(partial(act, sorted(ids)), engine) if ids else 0
        if len(ids) < BATCH:
            return total
        part = chosen.filter(**{beyond: ids[-1]})


def tasks() -> QuerySet[Task]:
    """Return all tasks, of the queue's database."""
    return Task.objects.using(queue_alias())
