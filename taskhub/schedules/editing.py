"""Editing: schedules are changed, switched and removed; workers look at what is due then, at once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.utils import Error

from taskhub.engines import Engine, get_engine
from taskhub.engines.wakeups import Kind as Wakeup
from taskhub.errors import ScheduleError
from taskhub.models import DisabledBy, Schedule
from taskhub.schedules.calls import normalized
from taskhub.schedules.checking import check, first_time
from taskhub.schedules.origin import is_declared
from taskhub.schedules.reading import get
from taskhub.text import storable


def save(schedule: Schedule, *, stays_off: Collection[DisabledBy] | None = None) -> Schedule:
    """Check a schedule, work out when it is due next, and write it. Its times are rounded up to whole seconds.

    A time that has come and has not been looked at is kept, unless the times themselves were changed. With `stays_off`
    the row, as it is locked, says whether it is enabled: one that was disabled by one of these stays so, all others are
    on.

    Raises:
        ScheduleError: says what cannot be kept; nothing was written.
    """
    engine = get_engine()
    now = engine.now()
    if schedule._state.adding:
        schedule.created_at = now.replace(microsecond=0)
    schedule.updated_at = now
    check(schedule)
    for column, value in normalized(schedule).items():
        setattr(schedule, column, value)
    for column in ("at", "start_at", "end_at"):
        setattr(schedule, column, _whole_second(getattr(schedule, column)))
    try:
        with transaction.atomic(engine.alias):
            before = _locked(schedule.pk)
            if before is not None:
                schedule.open_tasks = before.open_tasks
                schedule.requested_at = before.requested_at
            _switch(schedule, before, stays_off)
            schedule.next_due_at = _next_due(schedule, before, now)
            schedule.save(using=engine.alias)
            engine.notify(Wakeup.SCHEDULE)
    except Error as error:
        if engine.is_duplicate(error):
            raise ScheduleError(
                f"A schedule is named {schedule.name!r} already.", field="name"
            ) from error
        raise
    return schedule


def enable(name: str) -> Schedule:
    """Let a schedule be due again, from now on: what it would have been due for meanwhile is no misfire.

    Raises:
        ScheduleError: there is none of this name, or it cannot be kept any more.
    """
    schedule = get(name)
    schedule.enabled = True
    return save(schedule)


def disable(name: str, reason: str = "", *, by: DisabledBy = DisabledBy.PERSON) -> Schedule:
    """Let a schedule be due no more until it is enabled; tasks that it has enqueued go on.

    What a person has disabled is left as it is by all others.

    Raises:
        ScheduleError: there is none of this name.
    """
    schedule = get(name)
    engine = get_engine()
    values = {
        "enabled": False, "disabled_by": by, "disabled_reason": storable(reason, 500), "next_due_at": None,
        "updated_at": engine.now(),
    }  # fmt: skip
    row = Schedule.objects.using(engine.alias).filter(pk=schedule.pk)
    if by != DisabledBy.PERSON:
        row = row.exclude(enabled=False, disabled_by=DisabledBy.PERSON)
    with transaction.atomic(engine.alias):
        row.update(**values)
        engine.notify(Wakeup.SCHEDULE)
    return get(name)


def switch_off(engine: Engine, pk: int, by: DisabledBy, reason: str) -> int:
    """Disable a schedule that cannot be kept, and forget what was asked for; return how many it were.

    One that is off already stays so by whom it was.
    """
    row = Schedule.objects.using(engine.alias).filter(pk=pk)
    row.update(requested_at=None)
    return row.filter(enabled=True).update(
        enabled=False, next_due_at=None, disabled_by=by, disabled_reason=storable(reason, 500),
        updated_at=engine.now(),
    )  # fmt: skip


def remove(name: str) -> None:
    """Delete a schedule with its history; tasks that it has enqueued go on.

    Raises:
        ScheduleError: there is none of this name, or the code declares it.
    """
    schedule = get(name)
    if is_declared(schedule):
        raise ScheduleError(
            f"The schedule {name!r} is declared in code and would come back; take it out of @task(schedule=…), or "
            "disable it."
        )
    engine = get_engine()
    with transaction.atomic(engine.alias):
        schedule.delete(using=engine.alias)
        engine.notify(Wakeup.SCHEDULE)


def _whole_second(at: datetime | None) -> datetime | None:
    """Round up: forms show whole seconds, and must not change a time that nobody has touched."""
    if at is None or not at.microsecond:
        return at
    return at.replace(microsecond=0) + timedelta(seconds=1)


def _locked(pk: int | None) -> Schedule | None:
    if pk is None:
        return None
    rows = Schedule.objects.using(get_engine().alias).select_for_update()
    return rows.filter(pk=pk).first()


def _switch(
    schedule: Schedule, before: Schedule | None, stays_off: Collection[DisabledBy] | None
) -> None:
    """Settle whether a schedule is enabled, and who has disabled it."""
    if before is not None and stays_off is not None:
        schedule.enabled = before.enabled or before.disabled_by not in stays_off
        schedule.disabled_by, schedule.disabled_reason = before.disabled_by, before.disabled_reason
    if schedule.enabled:
        schedule.disabled_by, schedule.disabled_reason = DisabledBy.NOBODY, ""
    elif not schedule.disabled_by:
        schedule.disabled_by = DisabledBy.PERSON


def _next_due(schedule: Schedule, before: Schedule | None, now: datetime) -> datetime | None:
    if not schedule.enabled:
        return None
    if before is not None and before.enabled and before.timing == schedule.timing:
        return before.next_due_at
    return first_time(schedule, now)
