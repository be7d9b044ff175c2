"""Editing: schedules are changed, switched and removed; workers look at what is due then, at once."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.utils import Error

from taskhub.engines import get_engine
from taskhub.engines.wakeups import Kind as Wakeup
from taskhub.errors import ScheduleError
from taskhub.models import DisabledBy, Schedule
from taskhub.schedules.checking import check, first_time
from taskhub.schedules.reading import get
from taskhub.text import storable


def save(schedule: Schedule) -> Schedule:
    """Check a schedule, work out when it is due next, and write it. Its times are rounded up to whole seconds.

    A time that has come and has not been looked at is kept, unless the times themselves were changed.

    Raises:
        ScheduleError: says what cannot be kept; nothing was written.
    """
    engine = get_engine()
    now = engine.now()
    if schedule._state.adding:
        schedule.created_at = now.replace(microsecond=0)
    schedule.updated_at = now
    if schedule.enabled:
        schedule.disabled_by, schedule.disabled_reason = DisabledBy.NOBODY, ""
    elif not schedule.disabled_by:
        schedule.disabled_by = DisabledBy.PERSON
    check(schedule)
    for column in ("at", "start_at", "end_at"):
        setattr(schedule, column, _whole_second(getattr(schedule, column)))
    try:
        with transaction.atomic(engine.alias):
            before = _locked(schedule.pk)
            if before is not None:
                schedule.open_tasks = before.open_tasks
                schedule.requested_at = before.requested_at
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

    Raises:
        ScheduleError: there is none of this name.
    """
    schedule = get(name)
    engine = get_engine()
    values = {
        "enabled": False, "disabled_by": by, "disabled_reason": storable(reason, 500), "next_due_at": None,
        "updated_at": engine.now(),
    }  # fmt: skip
    with transaction.atomic(engine.alias):
        Schedule.objects.using(engine.alias).filter(pk=schedule.pk).update(**values)
        engine.notify(Wakeup.SCHEDULE)
    return get(name)


def remove(name: str) -> None:
    """Delete a schedule with its history; tasks that it has enqueued go on.

    Raises:
        ScheduleError: there is none of this name, or the code declares it.
    """
    schedule = get(name)
    if schedule.is_from_code and schedule.disabled_by != DisabledBy.CODE:
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


def _next_due(schedule: Schedule, before: Schedule | None, now: datetime) -> datetime | None:
    if not schedule.enabled:
        return None
    if before is not None and before.enabled and before.timing == schedule.timing:
        return before.next_due_at
    return first_time(schedule, now)
