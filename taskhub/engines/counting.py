"""Counting: how many live tasks a queue holds, never further than somebody cares to know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from taskhub.engines.naming import WAITING
from taskhub.engines.session import Session
from taskhub.states import FINISHED, TaskState

_QUEUES_AT_ONCE = 100


class LiveCounts(NamedTuple):
    """What waits in one queue, by state; each number goes no further than was asked for."""

    queued: int = 0
    pending: int = 0
    retrying: int = 0


class Newest(NamedTuple):
    """How many of the newest tasks are of one queue, and when the first of them was enqueued."""

    queue: str
    number: int
    first_at: datetime


class Counting(Session):
    """Counts along the indexes that hold no finished task, and stops early.

    Each part is ordered as its index is: else PostgreSQL takes a walk through the whole table for shorter, where it
    expects the rows to lie evenly.
    """

    def count_live(self, queues: Sequence[str], most: int) -> dict[str, LiveCounts]:
        """Return what waits in each of `queues`, in one statement for many of them; counts to `most` and no further."""
        found: dict[str, LiveCounts] = {}
        for start in range(0, len(queues), _QUEUES_AT_ONCE):
            part = queues[start : start + _QUEUES_AT_ONCE]
            found |= {row[0]: LiveCounts(*map(int, row[1:])) for row in self._counts(part, most)}
        return found

    def _counts(self, queues: Sequence[str], most: int) -> list[tuple[Any, ...]]:
        names = " UNION ALL ".join(["SELECT %s"] * len(queues))
        numbers = ", ".join(
            _up_to(most, condition)
            for condition in (
                "state = 'queued' AND queue = names.name ORDER BY priority DESC",
                f"state = 'pending' AND {WAITING} AND queue = names.name",
                f"state = 'retrying' AND {WAITING} AND queue = names.name",
            )
        )
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"WITH names (name) AS ({names}) SELECT name, {numbers} FROM names", list(queues)
            )
            return list(cursor.fetchall())

    _all_waiting: ClassVar[str] = (
        f"SELECT queue, state, count(*) FROM taskhub_task WHERE {WAITING} GROUP BY queue, state"
    )

    def count_waiting_tasks(self) -> list[tuple[str, str, int]]:
        """Return how many tasks are pending and retrying in each queue, however many they are."""
        with self.connection.cursor() as cursor:
            cursor.execute(self._all_waiting)
            return list(cursor.fetchall())

    def count_states(self, most: int) -> dict[str, int]:
        """Return how many tasks there are in each state, in one statement; counts to `most` and no further."""
        conditions = {
            state.value: f"state = '{state}' AND finished_at IS NOT NULL ORDER BY finished_at"
            for state in FINISHED
        }
        for state in (TaskState.PENDING, TaskState.RETRYING):
            conditions[state.value] = f"state = '{state}' AND {WAITING} ORDER BY queue"
        conditions[TaskState.QUEUED.value] = "state = 'queued' ORDER BY queue"
        conditions[TaskState.RUNNING.value] = "state = 'running' AND worker_id IS NOT NULL"
        numbers = ", ".join(_up_to(most, condition) for condition in conditions.values())
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT {numbers}")
            return dict(zip(conditions, map(int, cursor.fetchone()), strict=True))

    def count_newest(self, most: int, since: datetime) -> list[Newest]:
        """Return what came into each queue since then, by the `most` newest tasks."""
        newest = f"SELECT queue, enqueued_at FROM taskhub_task ORDER BY id DESC LIMIT {int(most)}"
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"SELECT queue, count(*), min(enqueued_at) FROM ({newest}) AS newest "
                "WHERE enqueued_at >= %s GROUP BY queue",
                self._adapt([since]),
            )
            return [
                Newest(queue, number, self.read_time(first_at))
                for queue, number, first_at in cursor.fetchall()
            ]


def _up_to(most: int, condition: str) -> str:
    rows = f"SELECT 1 AS one FROM taskhub_task WHERE {condition} LIMIT {int(most)}"
    return f"(SELECT count(*) FROM ({rows}) AS q)"
