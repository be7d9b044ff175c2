"""Restoring: tasks that were cancelled by mistake wait again, each as it did before."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F

from taskhub.engines import get_engine
from taskhub.engines.wakeups import Kind
from taskhub.queue.admit import admit
from taskhub.queue.dependents import tell_dependents
from taskhub.queue.needs import let_wait, needs_anew
from taskhub.queue.transition import in_batches, tasks, write
from taskhub.queue.unique import retake
from taskhub.states import TaskState, Tie, WaitsFor


def restore(ids: Collection[int], reason: str) -> int:
    """Let those of `ids` wait again that were cancelled for exactly this reason, and their children; return how many.

    They keep their attempts, their time and their expiry. One whose unique key a live task has stays cancelled. A
    transaction for each batch, or a savepoint in the caller's.
    """
    cancelled = tasks().filter(state=TaskState.CANCELLED, finished_at__isnull=False, reason=reason)
    number = in_batches(cancelled.filter(id__in=list(ids)), partial(_restore, reason=reason))
    children = list(cancelled.filter(parent_id__in=list(ids)).values_list("id", flat=True))
    return number + (restore(children, reason) if children else 0)


def _restore(ids: list[int], reason: str) -> int:
    engine = get_engine()
    with transaction.atomic(engine.alias):
        locked = tasks().filter(id__in=ids).order_by("id").select_for_update()
        columns = ("id", "state", "reason", "run_after", "ties")
        rows = [
            row for row in locked.values_list(*columns) if row[1:3] == (TaskState.CANCELLED, reason)
        ]
        refused = retake(engine, [row[0] for row in rows])
        rows = [row for row in rows if row[0] not in refused]
        now = engine.now()
        unmet = needs_anew(engine, [row[0] for row in rows])
        for_tasks = {id_: number for id_, number in unmet.items() if number}
        for_time = [
            id_ for id_, _, _, at, _ in rows if not unmet[id_] and at is not None and at > now
        ]
        let_wait(for_tasks, **_AGAIN)
        write(for_time, TaskState.PENDING, waits_for=WaitsFor.TIME, unmet=0, **_AGAIN)
        if for_time:
            engine.notify(Kind.DUE_EARLIER)
        at_once = {row[0] for row in rows} - {*for_tasks, *for_time}
        if at_once:
            admit(tasks().filter(id__in=at_once), sources={TaskState.CANCELLED}, unmet=0, **_AGAIN)
        waited_for = [id_ for id_, *_, ties in rows if ties & Tie.DEPENDENTS]
        if waited_for:
            tell_dependents(engine, waited_for)
    return len(rows)


_AGAIN: dict[str, Any] = {"reason": "", "ties": F("ties").bitand(~int(Tie.ORPHAN) & 0x7FFF)}
