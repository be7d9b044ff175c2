"""Adding: code adds schedules by their names, as often as it likes."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError

from taskhub.definition import TaskDefinition
from taskhub.engines import get_engine
from taskhub.errors import ScheduleError
from taskhub.models import DisabledBy, Schedule
from taskhub.plan import whole_seconds
from taskhub.policies import Policies
from taskhub.schedules.calls import columns_of
from taskhub.schedules.checking import check_name
from taskhub.schedules.editing import save
from taskhub.schedules.origin import is_declared
from taskhub.signature import Signature
from taskhub.timing import Kind

Call = Signature | TaskDefinition | str
MORE = frozenset(
    {"timezone", "start_at", "end_at", "misfire", "overlap", "grace", "jitter", "catch_up_limit"}
)


def add_periodic(name: str, call: Call, seconds: float | timedelta, **more: Any) -> Schedule:
    """Call a task every so many whole seconds of elapsed time, counted from `start_at`, else from now.

    A schedule of this name is replaced; one that a person has disabled stays so. `more`: `timezone` (for display),
    `start_at`, `end_at`, `misfire`, `overlap`, `grace`, `jitter`, `catch_up_limit`, `enabled`.

    Raises:
        ScheduleError: says what cannot be kept. UnknownTask: no task of this name.
    """
    return _add(name, call, {"kind": Kind.INTERVAL, "every": whole_seconds(seconds)}, more)


def add_cron(name: str, call: Call, expression: str, **more: Any) -> Schedule:
    """Call a task at the times of a cron expression, on the clock of `timezone` (default: settings.TIME_ZONE).

    See `add_periodic` for the rest.
    """
    return _add(name, call, {"kind": Kind.CRON, "cron": expression}, more)


def add_once(name: str, call: Call, at: datetime, **more: Any) -> Schedule:
    """Call a task once, at an aware datetime in the future. See `add_periodic` for the rest."""
    return _add(name, call, {"kind": Kind.ONCE, "at": at}, more)


def _add(name: str, call: Call, repeats: dict[str, Any], more: dict[str, Any]) -> Schedule:
    check_name(name)
    unknown = sorted(set(more) - MORE - {"enabled"})
    if unknown:
        known = ", ".join(sorted(MORE | {"enabled"}))
        raise ScheduleError(f"{name}: unknown option {unknown[0]!r}; known options: {known}.")
    columns: dict[str, Any] = {
        "timezone": settings.TIME_ZONE, "every": None, "cron": "", "at": None, "start_at": None, "end_at": None,
        **asdict(Policies()), **repeats, **more, **columns_of(call),
    }  # fmt: skip
    try:
        return _write(name, columns, is_switch_given="enabled" in more)
    except ScheduleError as error:
        if not isinstance(error.__cause__, IntegrityError):
            raise
        return _write(
            name, columns, is_switch_given="enabled" in more
        )  # somebody has just added it


def _write(name: str, columns: dict[str, Any], *, is_switch_given: bool) -> Schedule:
    row = Schedule.objects.using(get_engine().alias).filter(name=name).first()
    if row is None:
        return save(Schedule(name=name, **columns))
    if is_declared(row):
        raise ScheduleError(
            f"The schedule {name!r} is declared in code, by @task(schedule=…) of {row.task}; choose another name."
        )
    row.is_from_code = False
    for column, value in columns.items():
        setattr(row, column, value)
    return save(row, stays_off=None if is_switch_given else {DisabledBy.PERSON})
