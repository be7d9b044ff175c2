"""Timetable: the last times of many schedules, with what became of their tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from taskhub.engines.session import Session

_AT_ONCE = 100  # schedules that one statement asks for
_COLUMNS = "schedule_id, due_at, decided_at, decision, reason, is_manual, task_id"


class PastRun(NamedTuple):
    """A time of a schedule; without a task, or where that was pruned, `state` is ""."""

    schedule_id: int
    due_at: datetime
    decided_at: datetime
    decision: str
    reason: str
    is_manual: bool
    task_id: int | None
    state: str
    started_at: datetime | None
    finished_at: datetime | None


class Timetable(Session):
    """A walk along the index of each schedule, from its newest time on."""

    def last_runs(self, schedules: Sequence[int], limit: int) -> Iterator[PastRun]:
        """Yield up to `limit` times of each schedule, the newest first."""
        for start in range(0, len(schedules), _AT_ONCE):
            yield from self._last_runs(schedules[start : start + _AT_ONCE], limit)

    def _last_runs(self, schedules: Sequence[int], limit: int) -> Iterator[PastRun]:
        # Tasks are joined to each part: to all of them at once PostgreSQL would rather read the whole table.
        parts = (
            f"SELECT * FROM (SELECT run.*, task.state, task.started_at, task.finished_at FROM (SELECT {_COLUMNS} "
            f"FROM taskhub_schedulerun WHERE schedule_id = {int(schedule)} ORDER BY due_at DESC LIMIT {int(limit)}) "
            f"AS run LEFT JOIN taskhub_task AS task ON task.id = run.task_id) AS s{number}"
            for number, schedule in enumerate(schedules)
        )
        with self.connection.cursor() as cursor:
            cursor.execute(f"{' UNION ALL '.join(parts)} ORDER BY schedule_id, due_at DESC")
            rows = cursor.fetchall()
        for schedule, due, decided, decision, reason, is_manual, task, state, *times in rows:
            yield PastRun(
                schedule, self.read_time(due), self.read_time(decided), decision, reason, bool(is_manual),
                task, state or "", *map(self.read_time, times),
            )  # fmt: skip
