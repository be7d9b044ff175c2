"""Entrance: new tasks that find a gate shut are born waiting before it.

A gate stays locked until the transaction ends, and nobody knows when a caller ends his. So in his transaction nothing
is taken: the tasks are born waiting, and the gates are opened when it has committed (or by maintenance, soon after,
should the process die in between).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial

from django.db import transaction

from taskhub import rates
from taskhub.engines import Engine
from taskhub.engines.rows import NewTask
from taskhub.queue.buckets import make_bucket
from taskhub.queue.gates import GATED, Entrant, Gate, Limits, enter, first_gate, rate_gate
from taskhub.queue.opening import open_after_commit
from taskhub.rates import Rate
from taskhub.states import TaskState, Tie


def through_gates(engine: Engine, rows: Sequence[NewTask], *, is_inside: bool) -> Sequence[NewTask]:
    """Return the rows as they are to be born: queued with a slot or token taken, or pending before a gate.

    In the transaction that inserts them; `is_inside`: that is the caller's own.
    """
    gated = [
        index
        for index, row in enumerate(rows)
        if row.ties & GATED and row.state == TaskState.QUEUED
    ]
    if not gated:
        return rows
    found = list(rows)
    limits = _limits([rows[index] for index in gated])
    if is_inside:
        for name, rate in limits.rates.items():
            make_bucket(engine, rate_gate(name)[1], rate)
        for index in gated:
            row = found[index]
            found[index] = _held(row, first_gate(row.ties, row.concurrency_key, row.name))
        transaction.on_commit(partial(open_after_commit, limits), using=engine.alias, robust=True)
        return found
    entry = enter(engine, [_entrant(index, rows[index]) for index in gated], limits)
    for index in entry.free:
        if found[index].ties & Tie.SLOT:
            found[index] = found[index]._replace(ties=found[index].ties | Tie.HOLDS)
    for gate, indexes in entry.held.items():
        for index in indexes:
            found[index] = _held(found[index], gate)
    return found


def _entrant(index: int, row: NewTask) -> Entrant:
    order = (-row.priority, row.position, index)
    return Entrant(index, row.ties, row.concurrency_key, row.name, order)


def _held(row: NewTask, gate: Gate) -> NewTask:
    return row._replace(state=TaskState.PENDING.value, waits_for=gate[0].value, waits_key=gate[1])


def _limits(rows: Sequence[NewTask]) -> Limits:
    """Return what these tasks are limited to, as their options say; of several, the last one's word."""
    slots: dict[str, int] = {}
    by_name: dict[str, Rate] = {}
    read: dict[str | None, tuple[int, str | None]] = {}
    for row in rows:
        if row.options not in read:
            options = json.loads(row.options) if row.options else {}
            read[row.options] = options.get("concurrency_limit", 1), options.get("rate_limit")
        limit, rate = read[row.options]
        if row.ties & Tie.SLOT and row.concurrency_key is not None:
            slots[row.concurrency_key] = limit
        if row.ties & Tie.RATE and rate:
            by_name[row.name] = rates.parse(rate)
    return Limits(slots, by_name)
