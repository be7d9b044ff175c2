"""Metrics: rows of MetricBucket that exist are written by their ids."""

from __future__ import annotations

from collections.abc import Sequence

from taskhub.engines.base import Engine
from taskhub.models import MetricBucket
from taskhub.payload import dump

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
