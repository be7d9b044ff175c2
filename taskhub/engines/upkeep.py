"""Upkeep: what has become due, who has gone, and what is old enough to be deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from taskhub.engines.rows import Upcoming
from taskhub.engines.session import Session
from taskhub.states import LIVE, TaskState

_LIVE = ", ".join(f"'{state}'" for state in sorted(LIVE))
# Of one row at a time: PostgreSQL would rather read the whole table once than ask an EXISTS a hundred times.
_GOES_ON = (
    "SELECT other.id FROM taskhub_task AS other "
    f"WHERE other.workflow_id = taskhub_task.workflow_id AND other.state IN ({_LIVE}) LIMIT 1"
)


class Upkeep(Session):
    """The statements of maintenance."""

    _due, _overdue = (
        "waits_for = 'time' AND run_after",
        ("finished_at IS NULL AND worker_id IS NULL AND expires_at IS NOT NULL AND expires_at"),
    )

    def due_ids(self, limit: int) -> list[int]:
        """Return ids of tasks that wait for a time that has come, the longest overdue first."""
        return self._ids_until_now(self._due, limit)

    def overdue_ids(self, limit: int) -> list[int]:
        """Return ids of waiting tasks whose expiry has passed."""
        return self._ids_until_now(self._overdue, limit)

    def upcoming(self) -> Upcoming:
        """Return what is to be done next; one statement."""
        first = []
        for condition in (self._due, self._overdue):
            rest, _, column = condition.rpartition(" ")
            where = f"{rest} {column} IS NOT NULL"
            first.append(
                f"(SELECT {column} FROM taskhub_task WHERE {where} ORDER BY {column} LIMIT 1)"
            )
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT 1 FROM taskhub_cascade), "
                "(SELECT min(waits_key) FROM taskhub_task WHERE waits_key > ''), "
                f"EXISTS (SELECT 1 FROM taskhub_queue WHERE is_paused AND paused_until <= {self._clock_sql}), "
                f"{self._clock_sql}, {', '.join(first)}",
                [],
            )
            is_untold, gate, is_pause_over, *times = cursor.fetchone()
        now, *others = map(self.read_time, times)
        due, overdue = (None if at is None else (at - now).total_seconds() for at in others)
        return Upcoming(due, overdue, bool(is_untold), gate is not None, bool(is_pause_over))

    def lost_workers(self, lease: float) -> list[int]:
        """Return ids of processes without a sign of life for `lease` seconds, and of stopped ones that hold tasks."""
        workers = "SELECT id FROM taskhub_worker WHERE"
        holders = (
            "SELECT worker_id FROM taskhub_task WHERE state = 'running' AND worker_id IS NOT NULL"
        )
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"{workers} stopped_at IS NULL AND heartbeat_at < {self._ago_sql} "
                f"UNION {workers} stopped_at IS NOT NULL AND id IN ({holders})",
                [lease],
            )
            return [row[0] for row in cursor.fetchall()]

    _ago_sql: ClassVar[str] = "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '-' || %s || ' seconds')"

    def lock_ended(self, state: TaskState, until: datetime, limit: int) -> list[int]:
        """Lock tasks that ended in a state before `until`, the first of them first, and return their ids.

        The caller has a transaction. Rows that somebody else has locked are left out, those of workflows that go on,
        for their values are still wanted, and those that keep a unique key taken.
        """
        skip = f"{self.lock_rows} SKIP LOCKED" if self.lock_rows else ""
        sql = (
            "SELECT id FROM taskhub_task WHERE state = %s AND finished_at IS NOT NULL AND finished_at < %s "
            f"AND (workflow_id IS NULL OR ({_GOES_ON}) IS NULL) "
            f"AND (unique_lock IS NULL OR unique_until IS NULL OR unique_until < {self._clock_sql}) "
            f"ORDER BY finished_at LIMIT {int(limit)}{skip}"
        )
        with self.connection.cursor() as cursor:
            cursor.execute(sql, self._adapt([state.value, until]))
            return [row[0] for row in cursor.fetchall()]

    def delete_rows(self, table: str, column: str, ids: Sequence[int]) -> None:
        """Delete the rows of a table whose `column`, which has an index, holds one of `ids`."""
        with self.connection.cursor() as cursor:
            marks = ", ".join(["%s"] * len(ids))
            cursor.execute(f"DELETE FROM {table} WHERE {column} IN ({marks})", list(ids))

    def _ids_until_now(self, condition: str, limit: int) -> list[int]:
        column = condition.rpartition(" ")[2]
        sql = f"SELECT id FROM taskhub_task WHERE {condition} <= %s ORDER BY {column} LIMIT {int(limit)}"
        with self.connection.cursor() as cursor:
            cursor.execute(sql, self._adapt([self.now()]))
            return [row[0] for row in cursor.fetchall()]
