"""Dependents: what becomes of the tasks that wait for others when those end, or get a second chance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F

from taskhub.engines import Engine, get_engine
from taskhub.engines.wakeups import Kind
from taskhub.models import Cascade, Dependency, Met, Need
from taskhub.queue.admit import admit
from taskhub.queue.announce import announce_finished
from taskhub.queue.links import Link, stale_links
from taskhub.queue.transition import BATCH, SECOND_CHANCE, tasks, write
from taskhub.queue.unique import keep, retake
from taskhub.states import TaskState, Tie, WaitsFor
from taskhub.text import storable
from taskhub.trying import trying_again


def tell_dependents(engine: Engine, upstream: Collection[int]) -> None:
    """Tell those that wait for `upstream` tasks how these stand now; call it in the transaction that changed them.

    Dependents whose last need is met are queued; those with a need that cannot be met any more are cancelled, and
    theirs in turn; those that were cancelled for such a need come back when it may yet be met. What goes beyond BATCH
    links is left to `go_on_telling`.
    """
    todo, left = sorted(set(upstream)), BATCH
    while todo and left > 0:
        links = stale_links(engine, todo)[: left + 1]
        is_more = len(links) > left
        changed = _tell(engine, links[:left])
        left -= len(links)
        todo = [*(todo if is_more else ()), *changed]
    if todo:
        leave(engine, todo)


def leave(engine: Engine, upstream: Collection[int]) -> None:
    """Leave it to maintenance to tell the rest of their dependents."""
    rows = [Cascade(task_id=task_id) for task_id in upstream]
    Cascade.objects.using(engine.alias).bulk_create(rows, ignore_conflicts=True)
    engine.notify(Kind.DUE_EARLIER)


def tell_of_success(engine: Engine, upstream: Sequence[int]) -> None:
    """Tell those that wait for the success of tasks which have just succeeded; `tell_dependents` in less time."""
    if not engine.meet(upstream, BATCH):
        leave(engine, upstream)


def go_on_telling() -> int:
    """Go on where `tell_dependents` left off, for one task in a transaction of its own; return how many were left."""
    engine = get_engine()
    cascades = Cascade.objects.using(engine.alias)

    def go_on() -> int:
        with transaction.atomic(engine.alias):
            first = cascades.order_by("task_id").select_for_update(skip_locked=True)
            ids = list(first.values_list("task_id", flat=True)[:1])
            if ids:  # under the lock of its row, as in the transaction that changed it
                list(tasks().filter(id__in=ids).select_for_update().values_list("id"))
                cascades.filter(task_id__in=ids).delete()
                tell_dependents(engine, ids)
            return len(ids)

    return trying_again(go_on, engine)


def _tell(engine: Engine, rows: Iterable[Sequence[Any]]) -> list[int]:
    """Bring links up to date and their dependents with them; return the dependents that ended or came back."""
    links = [Link._make(row) for row in rows]
    if not links:
        return []
    wanted = tasks().filter(id__in={link.dependent for link in links}, unmet__gt=0).order_by("id")
    locked = wanted.select_for_update().values_list("id", "state", "unmet", "ties")
    dependents = {row[0]: _Dependent(*row) for row in locked}
    by_target: dict[Met, list[int]] = defaultdict(list)
    for link in links:
        if link.dependent in dependents:
            dependents[link.dependent].note(link)
            by_target[link.target].append(link.id)
    for target, ids in by_target.items():
        Dependency.objects.using(engine.alias).filter(id__in=ids).update(state=target)
    return _move(engine, list(dependents.values()))


class _Dependent:
    """A dependent, locked, and what the links say that have changed."""

    def __init__(self, id_: int, state: str, unmet: int, ties: int) -> None:
        self.id, self.unmet = id_, unmet
        self.is_waiting = state == TaskState.PENDING
        self.is_orphan = state == TaskState.CANCELLED and bool(ties & Tie.ORPHAN)
        self.is_keeping = bool(ties & Tie.UNIQUE_FOR)
        self.reason = ""
        self.has_hope = False

    def note(self, link: Link) -> None:
        target = link.target
        self.unmet += (link.state == Met.MET) - (target == Met.MET)
        if target == Met.BROKEN and not self.reason:
            self.reason = f"task #{link.upstream} ({link.upstream_name}) {link.upstream_state}" + (
                ", which it needed to succeed" if link.need == Need.SUCCESS else ""
            )
        self.has_hope = self.has_hope or link.state == Met.BROKEN


def _move(engine: Engine, dependents: Sequence[_Dependent]) -> list[int]:
    """Write the counters, and queue, cancel or revive those whose time has come; return who ended or came back."""
    counted: dict[int, list[int]] = defaultdict(list)
    ready, lost, hopeful = [], [], []
    for item in dependents:
        if item.is_orphan and item.has_hope and not item.reason:
            hopeful.append(item)
        elif item.is_waiting and item.reason:
            lost.append(item)
            counted[item.unmet].append(item.id)
        elif item.is_waiting and not item.unmet:
            ready.append(item.id)
        else:
            counted[item.unmet].append(item.id)
    for unmet, ids in counted.items():
        tasks().filter(id__in=ids).update(unmet=unmet)
    revived = _revive(engine, hopeful)
    _start(engine, ready)
    return revived + _cancel(engine, lost)


def _start(engine: Engine, ready: Sequence[int]) -> None:
    """Queue those that wait for no task any more, or let them wait for their time."""
    if not ready:
        return
    early = tasks().filter(id__in=ready, run_after__gt=engine.clock())
    if later := list(early.values_list("id", flat=True)):
        write(later, TaskState.PENDING, waits_for=WaitsFor.TIME, unmet=0)
        engine.notify(Kind.DUE_EARLIER)
    now = tasks().filter(id__in=set(ready) - set(later))
    admit(now, sources={TaskState.PENDING}, unmet=0, run_after=engine.clock())


def _cancel(engine: Engine, lost: Sequence[_Dependent]) -> list[int]:
    by_reason: dict[str, list[int]] = defaultdict(list)
    for item in lost:
        by_reason[item.reason].append(item.id)
    for reason, ids in by_reason.items():
        write(
            ids,
            TaskState.CANCELLED,
            reason=storable(reason, 500),
            ties=F("ties").bitor(int(Tie.ORPHAN)),
        )
    ids = [item.id for item in lost]
    if any(item.is_keeping for item in lost):
        keep(engine, ids)
    announce_finished(ids)
    return ids


def _revive(engine: Engine, hopeful: Sequence[_Dependent]) -> list[int]:
    """Let those wait again that were cancelled for a need which may yet be met; return them."""
    ids = {item.id for item in hopeful}
    broken = Dependency.objects.using(engine.alias).filter(dependent_id__in=ids, state=Met.BROKEN)
    ids -= set(broken.values_list("dependent_id", flat=True))
    ids -= set(retake(engine, ids))  # another has its unique key: it stays cancelled
    again = {**SECOND_CHANCE, "ties": F("ties").bitand(~int(Tie.ORPHAN) & 0x7FFF)}
    for item in hopeful:
        if item.id not in ids:
            tasks().filter(id=item.id).update(unmet=item.unmet)
        elif item.unmet:
            write([item.id], TaskState.PENDING, waits_for=WaitsFor.TASKS, unmet=item.unmet, **again)
        else:
            at_once = {**again, "run_after": engine.clock(), "unmet": 0}
            admit(tasks().filter(id=item.id), sources={TaskState.CANCELLED}, **at_once)
    return sorted(ids)
