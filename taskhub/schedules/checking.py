"""Checking: what keeps a schedule from being kept, said before it is written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from taskhub.errors import ScheduleError
from taskhub.models import Schedule
from taskhub.option_rules import MAX_NAME
from taskhub.schedules.fitting import check_call
from taskhub.text import is_storable
from taskhub.timing import Kind, Timing


def check(schedule: Schedule) -> None:
    """Refuse a schedule that cannot be kept.

    Raises:
        ScheduleError: names the value and what was expected.
    """
    for one in _CHECKS:
        one(schedule)


def problems(schedule: Schedule, now: datetime | None = None) -> dict[str, str]:
    """Return what is wrong with a schedule by its columns, "" where it is none of them: for forms, all at once.

    With `now`, a schedule that would never be due is wrong too.
    """
    found: dict[str, str] = {}
    for one in _CHECKS:
        _try(one, schedule, found)
    if now is not None and not found.keys() & _TIMES:
        _try(partial(first_time, now=now), schedule, found)
    return found


def _try(act: Callable[[Schedule], object], schedule: Schedule, found: dict[str, str]) -> None:
    try:
        act(schedule)
    except ScheduleError as error:
        found.setdefault(error.field, str(error))


def first_time(schedule: Schedule, now: datetime) -> datetime:
    """Return when it is due next.

    Raises:
        ScheduleError: it never is.
    """
    due = schedule.timing.next(now)
    if due is None:
        is_past = schedule.kind == Kind.ONCE and schedule.at is not None and schedule.at <= now
        if is_past:
            why, field = f"at={schedule.at and schedule.at.isoformat()} is past", "at"
        elif schedule.end_at is not None:
            why, field = (
                f"none of its times lies before end_at={schedule.end_at.isoformat()}",
                "end_at",
            )
        else:
            why, field = "the calendar ends before its first time", "start_at"
        raise ScheduleError(
            f"The schedule would never be due: {why}. It is {now.isoformat()} now.", field=field
        )
    return due


def check_name(name: object) -> None:
    """Refuse what is no name of a schedule.

    Raises:
        ScheduleError: says what was expected.
    """
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not is_storable(name):
        raise ScheduleError(
            f"name={name!r:.100}: expected a text of 1 to {MAX_NAME} characters.", field="name"
        )


def _check_times(schedule: Schedule) -> None:
    if schedule.kind not in set(Kind):
        raise ScheduleError(
            f"kind={schedule.kind!r}: expected one of {', '.join(Kind)}.", field="kind"
        )
    schedule.timing.check()


def _check_switch(schedule: Schedule) -> None:
    if not isinstance(schedule.enabled, bool):
        raise ScheduleError(
            f"enabled={schedule.enabled!r:.100}: expected True or False.", field="enabled"
        )


def _check_policies(schedule: Schedule) -> None:
    try:
        policies = schedule.policies
    except ValueError as error:
        raise ScheduleError(
            f"{error}; expected one of the choices of misfire and overlap."
        ) from error
    policies.check(schedule.every if schedule.kind == Kind.INTERVAL else None)


_TIMES = {"kind", *Timing.__dataclass_fields__}
_CHECKS: tuple[Callable[[Schedule], object], ...] = (
    lambda schedule: check_name(schedule.name), _check_switch, _check_times, _check_policies, check_call,
)  # fmt: skip
