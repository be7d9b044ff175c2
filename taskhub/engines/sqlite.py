"""The engine for SQLite: one writer, no row locks; who holds the write lock sees everything."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from taskhub.engines import turns
from taskhub.engines.base import Engine
from taskhub.engines.changes import Changes
from taskhub.engines.enqueueing import is_plain
from taskhub.engines.rows import CLAIM_COLUMNS, NOTHING, PLAIN, Claim, Ending, NewTask, Skip
from taskhub.engines.sqlite_finish import FenceBroken, finish_for_good
from taskhub.engines.wakeups import Waiter
from taskhub.states import FINISHED


class SQLite(Engine):
    """Claims with one `UPDATE … RETURNING`, after a read-only probe that costs no write lock when there is nothing."""

    vendor = "sqlite"
    lock_rows = ""
    has_one_writer = True
    _last_turn = "SELECT max(position) FROM taskhub_task INDEXED BY taskhub_task_fair WHERE {}"

    def turn(self) -> AbstractContextManager[None]:
        connection = self.connection
        if _is_in_transaction(connection):
            # It may have the write lock already, for which the one whose turn it is waits.
            return turns.NONE
        return turns.of(connection.settings_dict["NAME"])

    def _limit_lock_wait(self, seconds: float) -> Any:
        with self.connection.cursor() as cursor:
            before = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
            cursor.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
        return before

    def _restore_lock_wait(self, before: Any) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {int(before)}")

    def is_in_transaction(self) -> bool:
        return _is_in_transaction(self.connection)

    def limit_waits(self, *, locks: float, statements: float | None = None) -> None:
        rest = max(0.05, locks - turns.PATIENCE)  # a turn may be waited for before
        with self.connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {int(rest * 1000)}")

    def insert(self, row: NewTask) -> int:
        with self.turn():
            return super().insert(row)

    def insert_many(self, rows: Sequence[NewTask]) -> list[int]:
        with self.turn(), transaction.atomic(self.alias), self.connection.cursor() as cursor:
            if all(map(is_plain, rows)):
                plain = (row[:PLAIN] for row in rows)
                cursor.executemany(self._insert_one, list(self._adapt_many(plain)))
            else:
                sql = self._insert_tied
                cursor.executemany(sql, list(self._adapt_many(rows)))
            cursor.execute("SELECT last_insert_rowid()")
            last = cursor.fetchone()[0]
        # Ids grow by one from row to row: nobody else writes between the first and the last of these.
        return list(range(last - len(rows) + 1, last + 1))

    def claim(
        self, worker_id: int, wanted: Sequence[tuple[str, int]], skip: Skip = NOTHING
    ) -> list[Claim]:
        queues = [queue for queue, _ in wanted]
        if not self.is_claimable(queues, skip):
            return []
        parts: list[str] = []
        params: list[Any] = []
        for queue, limit in wanted:
            parts.append(f"SELECT id FROM ({self._ready_sql(limit, skip)})")
            params += self._ready_params(queue, skip)
        with self.turn(), self.connection.cursor() as cursor:
            cursor.execute(
                "UPDATE taskhub_task SET state = 'running', worker_id = %s, claim_no = claim_no + 1, "
                f"attempt = attempt + 1, started_at = %s WHERE id IN ({' UNION ALL '.join(parts)}) "
                f"RETURNING {', '.join(CLAIM_COLUMNS)}",
                [*self._adapt([worker_id, self.now()]), *params],
            )
            return self._claims(cursor.fetchall(), queues)

    def finish(self, worker_id: int, worker_name: str, endings: Sequence[Ending]) -> list[Ending]:
        with self.turn():
            if all(ending.state in FINISHED and ending.outcome for ending in endings):
                with suppress(FenceBroken):
                    return finish_for_good(self.connection, worker_id, worker_name, endings)
            return super().finish(worker_id, worker_name, endings)

    conflicts = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED"})
    duplicate = "SQLITE_CONSTRAINT_UNIQUE"
    troubles = frozenset(
        {"SQLITE_IOERR", "SQLITE_FULL", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PROTOCOL"}
    )

    def code_of(self, error: BaseException) -> str:
        name: str = getattr(error.__cause__, "sqlite_errorname", "")
        if name == self.duplicate:
            return name
        return "_".join(name.split("_")[:2])  # SQLITE_BUSY_SNAPSHOT is a SQLITE_BUSY

    def waiter(self) -> Waiter:
        return Changes(self.alias, self.connection)

    def change_mark(self) -> object:
        with self.connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            return cursor.fetchone()[0]


def _is_in_transaction(connection: BaseDatabaseWrapper) -> bool:
    raw = connection.connection  # a BEGIN by hand counts too
    return bool(connection.in_atomic_block or (raw is not None and raw.in_transaction))
