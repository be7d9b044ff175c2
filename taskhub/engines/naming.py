"""Naming: which queues hold something, found by an index probe each and not by reading what they hold."""

from __future__ import annotations

from typing import ClassVar

from taskhub.engines.session import Session

# In the words of the index: SQLite infers none of them.
WAITING = "state IN ('pending', 'retrying')"


class Naming(Session):
    """One statement, however many queues there are."""

    _first_queued: ClassVar[str] = (
        "SELECT min(queue) FROM taskhub_task WHERE state = 'queued' AND queue > "
    )
    _first_waiting: ClassVar[str] = (
        f"SELECT min(queue) FROM taskhub_task WHERE {WAITING} AND queue > "
    )

    def queued_names(self) -> list[str]:
        """Return the queues that hold a queued task, paused ones included."""
        return self._names(self._first_queued)

    def waiting_names(self) -> list[str]:
        """Return the queues that hold a pending or retrying task."""
        return self._names(self._first_waiting)

    def _names(self, first: str) -> list[str]:
        """Return all names; `first` finds the one that follows another."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"WITH RECURSIVE names (name) AS (SELECT ({first} '') UNION ALL "
                f"SELECT ({first} names.name) FROM names WHERE names.name IS NOT NULL) "
                "SELECT name FROM names WHERE name IS NOT NULL"
            )
            return [row[0] for row in cursor.fetchall()]
