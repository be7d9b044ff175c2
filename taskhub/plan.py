"""Plan: the schedule that a task declares in code: `@task(schedule="0 3 * * *")`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from taskhub.errors import InvalidOption, ScheduleError
from taskhub.payload import normalize
from taskhub.policies import Misfire, Overlap, Policies
from taskhub.timing import Kind, Timing


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What all declared schedules have: arguments of the call, limits in time, and policies.

    `timezone` is an IANA name; None is settings.TIME_ZONE. Durations are whole seconds.
    """

    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    timezone: str | None = None
    start_at: datetime | None = None
    end_at: datetime | None = None
    misfire: str = Misfire.RUN_ONCE
    overlap: str = Overlap.ALLOW
    grace: int = 60
    jitter: int = 0
    catch_up_limit: int = 100

    @property
    def repeats(self) -> dict[str, Any]:
        """The columns of a schedule that say how it repeats."""
        raise NotImplementedError

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of a schedule as it is declared, but for the names."""
        return {
            **self.repeats,
            "args": normalize(list(self.args), "args"), "kwargs": normalize(dict(self.kwargs), "kwargs"),
            "timezone": self.timezone or settings.TIME_ZONE, "start_at": self.start_at, "end_at": self.end_at,
            **{name: getattr(self, name) for name in Policies.__dataclass_fields__},
        }  # fmt: skip

    def check(self) -> None:
        """Refuse what cannot be kept.

        Raises:
            ScheduleError: names the value and what was expected.
        """
        try:
            columns = self.columns
        except (TypeError, ValueError) as error:
            raise ScheduleError(str(error), field="kwargs") from error
        Timing(**{name: columns[name] for name in columns if name in _TIMES}).check()
        Policies(**{name: columns[name] for name in Policies.__dataclass_fields__}).check(
            columns["every"]
        )


_TIMES = Timing.__dataclass_fields__


@dataclass(frozen=True)
class Cron(Plan):
    """At the times of a cron expression: five fields, six with seconds first, or a shorthand such as `@daily`."""

    expression: str

    @property
    def repeats(self) -> dict[str, Any]:
        return {"kind": Kind.CRON, "cron": self.expression, "every": None}


@dataclass(frozen=True)
class Every(Plan):
    """Every so many seconds (or a timedelta) of elapsed time."""

    seconds: float | timedelta

    @property
    def repeats(self) -> dict[str, Any]:
        return {"kind": Kind.INTERVAL, "every": whole_seconds(self.seconds), "cron": ""}


def whole_seconds(value: Any) -> Any:
    """Return a duration as a whole number of seconds where it is one; anything else as it is, for `check` to refuse."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    return int(value) if isinstance(value, float) and value.is_integer() else value


def as_plan(given: Any, of: str) -> Plan | None:
    """Return the plan that `@task(schedule=…)` was given: text is a cron expression, a number or timedelta an interval.

    Raises:
        InvalidOption: names the task, the value and what was expected.
    """
    if given is None:
        return None
    plan = given
    if isinstance(given, str):
        plan = Cron(given)
    elif isinstance(given, int | float | timedelta) and not isinstance(given, bool):
        plan = Every(given)
    if not isinstance(plan, Plan):
        raise InvalidOption(
            f"{of}: schedule={given!r:.100}; expected a cron expression such as '0 3 * * *', a number of seconds, a "
            "timedelta, taskhub.Cron(…) or taskhub.Every(…)."
        )
    try:
        plan.check()
    except ScheduleError as error:
        raise InvalidOption(f"{of}: schedule={given!r:.100}: {error}") from error
    return plan
