"""Enqueueing: how tasks are inserted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from taskhub.engines.rows import PLAIN, UNTIED, ZEROES, NewTask
from taskhub.engines.session import Session

_END = ", ".join([*["0"] * len(ZEROES), "''"])
INSERT_COLUMNS = (*NewTask._fields[:PLAIN], *ZEROES, "reason")
INSERT_START = ", ".join([*["%s"] * PLAIN, _END])
TIED_COLUMNS = (*NewTask._fields, *ZEROES, "reason")
TIED_START = ", ".join([*["%s"] * len(NewTask._fields), _END])


def is_plain(row: NewTask) -> bool:
    """Tell whether a new task has nothing but the columns that every task has."""
    return row[PLAIN:] == UNTIED


class Enqueueing(Session):
    """The statements of a birth."""

    def insert(self, row: NewTask) -> int:
        """Insert one task and return its id; wakes workers when it commits."""
        with self.connection.cursor() as cursor:
            if is_plain(row):
                cursor.execute(self._insert_one, self._adapt(row[:PLAIN]))
            else:
                cursor.execute(self._insert_tied, self._adapt(row))
            return int(cursor.lastrowid)

    def insert_many(self, rows: Sequence[NewTask]) -> list[int]:
        """Insert tasks, all or none, and return their ids in the same order; wakes workers when they commit."""
        raise NotImplementedError

    def insert_rows(
        self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        """Insert rows into any table, in the caller's transaction; their values are texts and numbers."""
        marks = ", ".join(["%s"] * len(columns))
        names = ", ".join(map(self.quote, columns))
        if found := list(rows):
            with self.connection.cursor() as cursor:
                cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", found)

    @cached_property
    def _insert_one(self) -> str:
        return self._insert_sql(1)

    @cached_property
    def _insert_tied(self) -> str:
        return self._insert_sql(1, is_tied=True)

    def _insert_sql(self, count: int, *, is_tied: bool = False) -> str:
        columns, start = (TIED_COLUMNS, TIED_START) if is_tied else (INSERT_COLUMNS, INSERT_START)
        values = ", ".join([f"({start})"] * count)
        return f"INSERT INTO taskhub_task ({', '.join(map(self.quote, columns))}) VALUES {values}"
