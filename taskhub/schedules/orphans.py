"""Orphans: schedules whose task nobody has the code of any more."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from taskhub.engines import Engine, get_engine
from taskhub.models import Decision, DisabledBy, Schedule
from taskhub.schedules.editing import switch_off
from taskhub.schedules.origin import known_elsewhere, patience
from taskhub.schedules.runs import note

_REASON = "No living worker has the code of {}."
_BATCH = 100  # schedules that one call looks at
_UNTOUCHED = timedelta(hours=1)  # a declared one may be of a worker that is being mended


def disable_orphans(names: Collection[str], now: datetime | None = None) -> int:
    """Disable schedules whose tasks neither the caller, who knows `names`, nor another worker has the code of.

    Those are the overdue ones, and those from code, whether they are due or not: the code has been removed. Runs that
    somebody has asked for are refused. Returns how many schedules it were; they are enabled again when a worker starts
    that has the code (`sync`).
    """
    engine = get_engine()
    at = now or engine.now()
    overdue, untouched = at - patience(), at - max(_UNTOUCHED, patience())
    rows = Schedule.objects.using(engine.alias).exclude(task__in=names)
    asked = rows.filter(requested_at__lt=overdue)
    lost = rows.filter(
        Q(next_due_at__lt=overdue) | Q(is_from_code=True, enabled=True, updated_at__lt=untouched)
    )
    if not (asked.exists() or lost.exists()):
        return 0
    known = known_elsewhere()
    for pk, task in _unknown(asked, known):
        _refuse(engine, pk, at, _REASON.format(task))
    return sum(
        switch_off(engine, pk, DisabledBy.MISSING, _REASON.format(task))
        for pk, task in _unknown(lost, known)
    )


def _unknown(rows: QuerySet[Schedule], known: Collection[str]) -> list[tuple[int, str]]:
    found = rows.order_by("pk").values_list("pk", "task")
    return [(pk, task) for pk, task in found if task not in known][:_BATCH]


def _refuse(engine: Engine, pk: int, now: datetime, reason: str) -> None:
    rows = Schedule.objects.using(engine.alias).filter(pk=pk)
    with transaction.atomic(engine.alias):
        schedule = rows.select_for_update().first()
        if schedule is None or schedule.requested_at is None:
            return
        asked_at = schedule.requested_at
        note(engine, schedule, asked_at, now, Decision.REFUSED, reason, is_manual=True)
        rows.update(requested_at=None)
