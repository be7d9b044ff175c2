"""Metrics: rows of MetricBucket, read by the thousand and, those that exist, written by their ids."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from taskhub.engines.base import Engine
from taskhub.models import MetricBucket
from taskhub.payload import dump

_MINUTE = 60
_COLUMNS = ("count", "wait_seconds", "run_seconds", "waits", "runs")
_OVERWRITE = f"UPDATE taskhub_metricbucket SET {', '.join(f'{name} = %s' for name in _COLUMNS)} WHERE id = %s"


def overwrite(engine: Engine, rows: Sequence[MetricBucket]) -> None:
    """Store what has been added to rows that the caller holds the lock for.

    No upsert: on MySQL that locks the gap before a row too, which is where another writer's next row goes.
    """
    values = [
        (row.count, row.wait_seconds, row.run_seconds, dump(row.waits), dump(row.runs), row.pk)
        for row in rows
    ]
    if values:
        with engine.connection.cursor() as cursor:
            cursor.executemany(_OVERWRITE, values)


# When its span begins in seconds since 1970, queue, outcome, how many attempts, and as JSON their waits and runs.
Measured = tuple[int, str, str, int, str, str]
Counted = tuple[int, str, str, int]
Ended = tuple[int, str, int]


def measured(
    engine: Engine,
    since: datetime,
    until: datetime,
    stored: int = _MINUTE,
    queue: str | None = None,
    name: str | None = None,
) -> list[Measured]:
    """Return what is stored for spans of `stored` seconds, and what writers have not handed over yet.

    A page reads thousands of these: nothing of Django's is made of them.
    """
    which, params = _of(engine, since, until, stored, queue, name)
    columns = f"{engine.seconds_of('start_at')}, queue, outcome, count, waits, runs"
    return _fetch(engine, f"SELECT {columns} FROM taskhub_metricbucket WHERE {which}", params)


def counted(engine: Engine, since: datetime, until: datetime) -> list[Counted]:
    """Return how many attempts there were in each minute, by queue and outcome."""
    which, params = _of(engine, since, until, _MINUTE, None, None)
    start = engine.seconds_of("start_at")
    sql = (
        f"SELECT {start}, queue, outcome, sum(count) "
        f"FROM taskhub_metricbucket WHERE {which} GROUP BY start_at, queue, outcome"
    )
    return _fetch(engine, sql, params)


def ended(
    engine: Engine,
    since: datetime,
    until: datetime,
    stored: int = _MINUTE,
    queue: str | None = None,
    name: str | None = None,
) -> list[Ended]:
    """Return how many attempts there were in each span of `stored` seconds, by outcome."""
    which, params = _of(engine, since, until, stored, queue, name)
    start = engine.seconds_of("start_at")
    sql = f"SELECT {start}, outcome, sum(count) FROM taskhub_metricbucket WHERE {which} GROUP BY start_at, outcome"
    return _fetch(engine, sql, params)


def _of(
    engine: Engine,
    since: datetime,
    until: datetime,
    stored: int,
    queue: str | None,
    name: str | None,
) -> tuple[str, list[Any]]:
    which = f"seconds = {_MINUTE}"
    if stored != _MINUTE:
        which = f"(seconds = {int(stored)} AND writer = 0 OR {which} AND writer > 0)"
    adapt = engine.connection.ops.adapt_datetimefield_value
    params: list[Any] = [adapt(since), adapt(until)]
    which += " AND start_at >= %s AND start_at < %s"
    for column, value in (("queue", queue), ("name", name)):
        if value is not None:
            which += f" AND {column} = %s"
            params.append(value)
    return which, params


def _fetch(engine: Engine, sql: str, params: Sequence[Any]) -> list[Any]:
    with engine.connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
