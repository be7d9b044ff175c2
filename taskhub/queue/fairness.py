"""Fairness: the turn of each task among those of its queue and priority, so that tenants take turns.

Start-time fair queuing (Goyal, Vin and Cheng, 1996) with tasks of equal cost: a task's position is one after that of
its tenant's last task in the line, but never before the front of the line: who was idle has saved up no turns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.db.models import Case, Value, When

from taskhub.engines import get_engine
from taskhub.engines.gating import Line
from taskhub.engines.rows import NewTask
from taskhub.queue.transition import tasks
from taskhub.states import TaskState


class Turn(NamedTuple):
    """Where a task stands: a line (see `Line`) and its tenant."""

    queue: str
    priority: int
    gate: str | None
    tenant: str | None


def in_turn(rows: Sequence[NewTask]) -> Sequence[NewTask]:
    """Return new tasks with their positions. Those that wait for their time or for other tasks get theirs later."""
    fair = [
        index
        for index, row in enumerate(rows)
        if row.fair_key is not None and (row.state == TaskState.QUEUED or row.waits_key is not None)
    ]
    if not fair:
        return rows
    found = list(rows)
    turns = [
        Turn(found[i].queue, found[i].priority, found[i].waits_key, found[i].fair_key) for i in fair
    ]
    for index, position in zip(fair, next_turns(turns), strict=True):
        found[index] = found[index]._replace(position=position)
    return found


def next_turns(turns: Sequence[Turn]) -> list[int]:
    """Return the positions of tasks that join their lines now, one after the other.

    No lock is taken: two that join at the same moment may get the same position, and then go by their ids.
    """
    engine = get_engine()
    tenants: dict[Line, dict[str, None]] = defaultdict(dict)
    for turn in turns:
        tenants[Line(*turn[:3])][turn.tenant or ""] = None
    last: dict[Line, dict[str, int]] = {}
    fronts: dict[Line, int] = {}
    for line, keys in tenants.items():
        fronts[line] = engine.front(line)
        last[line] = engine.last_turns(line, list(keys))
    positions: list[int] = []
    for turn in turns:
        line, tenant = Line(*turn[:3]), turn.tenant or ""
        position = max(fronts[line], last[line].get(tenant, 0) + 1)
        last[line][tenant] = position
        positions.append(position)
    return positions


def write_turns(positions: Mapping[int, int]) -> None:
    """Write positions into rows that the caller has locked."""
    if positions:
        cases = [When(id=id_, then=Value(position)) for id_, position in positions.items()]
        tasks().filter(id__in=positions).update(position=Case(*cases))
