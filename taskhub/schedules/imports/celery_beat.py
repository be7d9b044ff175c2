"""Celery beat: the tables of django-celery-beat."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from taskhub.engines.foreign import as_time, read_table
from taskhub.schedules.imports.proposal import NotCarried, Proposal
from taskhub.timing import Kind

SOURCE = "django-celery-beat"
_TABLE = "django_celery_beat_{}"
_SECONDS = {"days": 86_400, "hours": 3600, "minutes": 60, "seconds": 1}
_OWN = "celery.backend_cleanup"
_LOST = {
    "priority": "its priority means something else with each broker",
    "exchange": "there are no exchanges",
    "routing_key": "there are no routing keys",
}

Row = dict[str, Any]
Times = dict[str, dict[int, Row]]


def read_celery_beat(alias: str) -> list[Proposal]:
    """Return a proposal for each of its periodic tasks."""
    times: Times = {
        kind: {row["id"]: row for row in read_table(alias, _TABLE.format(f"{kind}schedule"))}
        for kind in ("interval", "crontab", "clocked")
    }
    rows = read_table(alias, _TABLE.format("periodictask"))
    return [Proposal(SOURCE, row["name"]).fill(partial(_columns, row, times)) for row in rows]


def _columns(row: Row, times: Times, proposal: Proposal) -> dict[str, Any]:
    if row["task"] == _OWN:
        raise NotCarried("taskhub prunes by itself: see TASKHUB['RETENTION']")
    for column, why in _LOST.items():
        if row.get(column) not in (None, ""):
            proposal.notes.append(f"{column}={row[column]!r} is left behind: {why}")
    if row.get("headers") not in (None, "", "{}", {}):
        proposal.notes.append("its headers are left behind: pass them as arguments")
    options: dict[str, Any] = {}
    if row.get("queue"):
        options["queue_name"] = row["queue"]
    if row.get("expire_seconds"):
        options["expires"] = float(row["expire_seconds"])
    return {
        **_repeats(row, times), "task": row["task"], "args": _json(row, "args"), "kwargs": _json(row, "kwargs"),
        "options": options, "enabled": bool(row["enabled"]), "start_at": as_time(row.get("start_time")),
        "end_at": as_time(row.get("expires")),
    }  # fmt: skip


def _repeats(row: Row, times: Times) -> dict[str, Any]:
    if row.get("clocked_id") is not None:
        return {
            "kind": Kind.ONCE,
            "at": as_time(_times(row, "clocked", times)["clocked_time"]),
        }
    if row.get("solar_id") is not None:
        raise NotCarried("it follows the sun; enqueue it from a daily task that works out the time")
    if row.get("one_off"):
        raise NotCarried("it repeats, but once (one_off); add it with schedules.add_once(…)")
    if row.get("interval_id") is not None:
        return _interval(_times(row, "interval", times))
    if row.get("crontab_id") is not None:
        return _crontab(_times(row, "crontab", times))
    raise NotCarried("it has no times")


def _times(row: Row, kind: str, times: Times) -> Row:
    key = row[f"{kind}_id"]
    if key not in times[kind]:
        raise NotCarried(f"its times are gone: there is no {kind} #{key}")
    return times[kind][key]


def _interval(row: Row) -> dict[str, Any]:
    if row["period"] not in _SECONDS:
        raise NotCarried(
            f"it runs every {row['every']} {row['period']}; the shortest interval is a second"
        )
    return {"kind": Kind.INTERVAL, "every": row["every"] * _SECONDS[row["period"]]}


def _crontab(row: Row) -> dict[str, Any]:
    fields = [
        str(row[name]).replace(" ", "")
        for name in ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
    ]
    day, weekday = fields[2], fields[4]
    if day != "*" and weekday != "*":
        raise NotCarried(
            f"it runs on days {day} that are weekdays {weekday}: Celery wants both, cron either. Name the days alone, "
            "and let the task look at the weekday"
        )
    return {
        "kind": Kind.CRON,
        "cron": " ".join(fields),
        "timezone": str(row.get("timezone") or "UTC"),
    }


def _json(row: Row, column: str) -> Any:
    value = row[column]
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError) as error:
        raise NotCarried(f"its {column} are not JSON: {value!r:.80}") from error
