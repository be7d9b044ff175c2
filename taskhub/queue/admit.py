"""Admit: tasks whose wait is over become `queued`, as far as the gates before them let them through."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F, QuerySet

from taskhub.engines import get_engine
from taskhub.engines.wakeups import Kind
from taskhub.models import Task
from taskhub.queue.fairness import Turn, next_turns, write_turns
from taskhub.queue.gates import GATED, Entrant, enter
from taskhub.queue.transition import BATCH, tasks, write
from taskhub.states import FINISHED, SOURCES, TaskState, Tie, WaitsFor


class _Row(NamedTuple):
    """What decides how a task goes on."""

    id: int
    state: str
    ties: int
    concurrency_key: str | None
    name: str
    priority: int
    position: int
    queue: str
    waits_key: str | None
    fair_key: str | None

    @property
    def entrant(self) -> Entrant:
        order = (-self.priority, self.position, self.id)
        return Entrant(self.id, self.ties, self.concurrency_key, self.name, order, self.waits_key)


def admit(
    chosen: QuerySet[Task],
    *,
    sources: Collection[TaskState] = SOURCES[TaskState.QUEUED],
    wait: bool = True,
    **columns: Any,
) -> list[int]:
    """Queue at most BATCH of `chosen` that are in one of `sources`, or let them wait at a gate; return their ids.

    Workers are woken with the commit. Rows are locked first, in the order of their ids; with `wait=False` those that
    somebody else has locked are left out. One transaction, or a savepoint in the caller's.
    """
    engine = get_engine()
    with transaction.atomic(engine.alias):
        # Their states are looked at here: in the statement, MySQL might lock along the index of states.
        rows = chosen.using(engine.alias).order_by("id").select_for_update(skip_locked=not wait)
        locked = map(_Row._make, rows.values_list(*_Row._fields)[:BATCH])
        found = {row.id: row for row in locked if row.state in sources}
        if not found:
            return []
        gated = [row.entrant for row in found.values() if row.ties & GATED]
        held: set[int] = set()
        if gated:
            entry = enter(engine, gated)
            held = {id_ for ids in entry.held.values() for id_ in ids}
            for (waits_for, key), ids in entry.held.items():
                _hold(
                    [found[i] for i in ids], {**columns, "waits_for": waits_for, "waits_key": key}
                )
        free = [row for row in found.values() if row.id not in held]
        _queue(free, columns)
        for queue in sorted({row.queue for row in free}):
            engine.notify(Kind.QUEUED, queue)
        return list(found)


def _queue(rows: Sequence[_Row], columns: dict[str, Any]) -> None:
    """Write that tasks are queued, each in its turn; those that come through a gate wait for a worker from now on."""
    fair = [row for row in rows if row.fair_key is not None]
    turns = next_turns([Turn(row.queue, row.priority, None, row.fair_key) for row in fair])
    through = [row.id for row in rows if row.waits_key is not None]
    others = [row.id for row in rows if row.waits_key is None]
    write(others, TaskState.QUEUED, **columns)
    now = {"run_after": get_engine().clock(), **columns}
    write(through, TaskState.QUEUED, waits_key=None, **now)
    if holders := [row.id for row in rows if row.ties & Tie.SLOT]:
        tasks().filter(id__in=holders).update(ties=F("ties").bitor(int(Tie.HOLDS)))
    write_turns({row.id: turn for row, turn in zip(fair, turns, strict=True)})


def _hold(rows: Sequence[_Row], columns: Mapping[str, Any]) -> None:
    """Let tasks wait at a gate: those that had ended are pending again, the others keep their state."""
    by_state: dict[TaskState, list[int]] = {}
    moved = [row for row in rows if row.waits_key != columns["waits_key"]]
    for row in moved:
        state = TaskState(row.state)
        to = TaskState.PENDING if state in FINISHED else state
        by_state.setdefault(to, []).append(row.id)
    for to, ids in by_state.items():
        write(ids, to, **columns)
    if moved and columns["waits_for"] == WaitsFor.RATE:
        get_engine().notify(Kind.DUE_EARLIER)
    fair = [row for row in moved if row.fair_key is not None]
    gate = columns["waits_key"]
    turns = next_turns([Turn(row.queue, row.priority, gate, row.fair_key) for row in fair])
    write_turns({row.id: turn for row, turn in zip(fair, turns, strict=True)})
