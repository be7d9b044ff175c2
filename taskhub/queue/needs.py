"""Needs: what tasks wait for that get a second chance, looked at anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from taskhub.engines import Engine
from taskhub.models import Dependency, Met
from taskhub.queue.dependents import leave
from taskhub.queue.links import COLUMNS, Link
from taskhub.queue.transition import write
from taskhub.states import TaskState, WaitsFor


def needs_anew(engine: Engine, ids: Collection[int]) -> dict[int, int]:
    """Look again at what tasks wait for that get a second chance together; return how many needs each has left.

    The caller has locked them, and makes all of them live. A need that an end had met or broken is open again where the
    task that ended is among them, or lives: who is retried with what it waited for waits for that again.
    """
    rows = Dependency.objects.using(engine.alias).filter(dependent_id__in=ids).order_by("id")
    unmet = dict.fromkeys(ids, 0)
    changed: dict[Met, list[int]] = defaultdict(list)
    others: set[int] = set()
    for link in map(Link._make, rows.values_list(*COLUMNS)):
        target = Met.WAITS if link.upstream in unmet else link.target
        unmet[link.dependent] += target != Met.MET
        if target == Met.WAITS and link.upstream not in unmet:
            others.add(link.upstream)
        if target != link.state:
            changed[target].append(link.id)
    for target, found in changed.items():
        Dependency.objects.using(engine.alias).filter(id__in=found).update(state=target)
    if others:  # one that ends at this moment does not see yet that somebody waits for it again
        leave(engine, sorted(others))
    return unmet


def let_wait(unmet: Mapping[int, int], **columns: Any) -> None:
    """Let locked tasks wait for as many others as is said."""
    by_number: dict[int, list[int]] = defaultdict(list)
    for id_, number in unmet.items():
        by_number[number].append(id_)
    for number, ids in by_number.items():
        write(ids, TaskState.PENDING, waits_for=WaitsFor.TASKS, unmet=number, **columns)
