"""Django Q: the table of django-q2 (and of django-q)."""

from __future__ import annotations

import ast
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from django.conf import settings

from taskhub.engines.foreign import as_time, read_table
from taskhub.schedules.imports.proposal import NotCarried, Proposal
from taskhub.timing import Kind, Timing
from taskhub.zones import wall, zone_of

SOURCE = "django-q2"
_TABLE = "django_q_schedule"
_TICK = timedelta(microseconds=1)
_DAY = 86_400
_SECONDS = {"H": 3600, "BW": 14 * _DAY}
_MONTHS = {"M": 1, "BM": 2, "Q": 3, "Y": 12}
_SHORTEST_MONTH = 28
_MOST_COUNTED = 10_000  # repetitions of a cron expression
_LOST = {
    "hook": "use @task(on_success=…, on_failure=…)",
    "cluster": "use a queue, and `runworker --queue`",
    "intended_date_kwarg": "no argument tells the intended time",
}
_UNREADABLE = (SyntaxError, ValueError, TypeError, MemoryError, RecursionError)

Row = dict[str, Any]


def read_django_q(alias: str) -> list[Proposal]:
    """Return a proposal for each of its schedules."""
    return [
        Proposal(SOURCE, row.get("name") or f"{row['func']} #{row['id']}").fill(
            partial(_columns, row)
        )
        for row in read_table(alias, _TABLE)
    ]


def _columns(row: Row, proposal: Proposal) -> dict[str, Any]:
    for column, why in _LOST.items():
        if row.get(column):
            proposal.notes.append(f"{column}={row[column]!r} is left behind: {why}")
    kwargs = _kwargs(row.get("kwargs"))
    if kwargs.pop("q_options", None):
        proposal.notes.append("q_options are left behind: use the options of @task(…)")
    columns = _repeats(row)
    columns |= _limit(row, columns)
    return {**columns, "task": row["func"], "args": _args(row.get("args")), "kwargs": kwargs}


def _repeats(row: Row) -> dict[str, Any]:
    kind, first = row["schedule_type"], as_time(row["next_run"])
    if first is None:
        raise NotCarried("it has no next run")
    zone = settings.TIME_ZONE
    if kind == "O":
        return {"kind": Kind.ONCE, "at": first, "timezone": zone}
    if kind == "C":
        return {"kind": Kind.CRON, "cron": row["cron"] or "", "timezone": zone}
    if kind == "I":
        return _interval(60 * (row["minutes"] or 0), first)
    if kind in _SECONDS:
        return _interval(_SECONDS[kind], first)
    local = wall(first, zone_of(zone))
    time = f"{local.minute} {local.hour}"
    if kind == "D":
        days = "* * *"
    elif kind == "W":
        days = f"* * {local.isoweekday() % 7}"
    elif kind in _MONTHS:
        days = _months(local, _MONTHS[kind])
    else:
        raise NotCarried(f"its type {kind!r} is not known")
    return {"kind": Kind.CRON, "cron": f"{time} {days}", "timezone": zone}


def _interval(seconds: int, first: datetime) -> dict[str, Any]:
    return {"kind": Kind.INTERVAL, "every": seconds, "start_at": first.replace(microsecond=0)}


def _months(local: datetime, step: int) -> str:
    if local.day > _SHORTEST_MONTH:
        raise NotCarried(
            f"it runs on day {local.day}, which some months do not have; choose another day, or `L` in a cron "
            "expression for the last one"
        )
    months = sorted((local.month + n - 1) % 12 + 1 for n in range(0, 12, step))
    return f"{local.day} {'*' if step == 1 else ','.join(map(str, months))} *"


def _limit(row: Row, columns: dict[str, Any]) -> dict[str, Any]:
    """Turn a number of repetitions that are left into the time of the last."""
    repeats = row.get("repeats", -1)
    if repeats is None or repeats < 0 or columns["kind"] == Kind.ONCE:
        return {}
    if repeats == 0:
        raise NotCarried("it has run as often as it was to")
    timing = Timing(**columns)
    timing.check()
    if timing.start_at is not None and timing.every is not None:
        return _after_intervals(timing.start_at, timing.every, repeats)
    if repeats > _MOST_COUNTED:
        raise NotCarried(
            f"it is to run {repeats} times more; no more than {_MOST_COUNTED} are counted out. Let it run without an "
            "end (repeats=-1), or choose another number"
        )
    first = as_time(row["next_run"])
    times = list(islice(timing.after(first - _TICK), repeats)) if first else []
    return {"end_at": times[-1]} if times else {}


def _after_intervals(start: datetime, seconds: int, repeats: int) -> dict[str, Any]:
    """Return the time of the last of so many; none where no calendar has it."""
    try:
        return {"end_at": start + (repeats - 1) * timedelta(seconds=seconds)}
    except OverflowError:
        return {}


def _args(text: str | None) -> list[Any]:
    """Read what it evaluates as the inside of a tuple."""
    if not text:
        return []
    value = _literal(text, f"({text},)" if not text.strip().startswith("(") else text)
    return list(value) if isinstance(value, tuple) else [value]


def _kwargs(text: str | None) -> dict[str, Any]:
    """Read a dict, or `a=1, b='x'`."""
    if not text:
        return {}
    refusal = NotCarried(f"its kwargs cannot be read: {text!r:.80}; expected a dict, or a=1, b='x'")
    if text.strip().startswith("{"):
        value = _literal(text, text)
        if not isinstance(value, dict):
            raise refusal
        return value
    try:
        call: Any = ast.parse(f"f({text})", mode="eval").body
        found = {one.arg: ast.literal_eval(one.value) for one in call.keywords}
    except (*_UNREADABLE, AttributeError) as error:
        raise refusal from error
    if call.args or None in found:  # a value without a name, or **{…}
        raise refusal
    return found


def _literal(text: str, source: str) -> Any:
    try:
        return ast.literal_eval(source)
    except _UNREADABLE as error:
        raise NotCarried(f"its arguments cannot be read: {text!r:.80}") from error
