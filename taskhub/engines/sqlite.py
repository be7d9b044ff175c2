"""The engine for SQLite: one writer, no row locks; who holds the write lock sees everything."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from taskhub.engines.base import Engine, OnSent
from taskhub.engines.rows import CLAIM_COLUMNS, NOTHING, Claim, NewTask, Skip
from taskhub.engines.wakeups import LOOK, Waiter, Wake


class SQLite(Engine):
    """Claims with one `UPDATE … RETURNING`, after a read-only probe that costs no write lock when there is nothing."""

    vendor = "sqlite"
    lock_rows = ""
    has_one_writer = True

    def _limit_lock_wait(self, seconds: float) -> Any:
        with self.connection.cursor() as cursor:
            before = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
            cursor.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
        return before

    def _restore_lock_wait(self, before: Any) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {int(before)}")

    def is_in_transaction(self) -> bool:
        raw = self.connection.connection  # a BEGIN by hand counts too
        return super().is_in_transaction() or (raw is not None and raw.in_transaction)

    def limit_waits(self, *, locks: float, statements: float | None = None) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {int(locks * 1000)}")

    def insert_many(self, rows: Sequence[NewTask], on_sent: OnSent | None = None) -> list[int]:
        with transaction.atomic(self.alias), self.connection.cursor() as cursor:
            cursor.executemany(self._insert_one, list(self._adapt_many(rows)))
            cursor.execute("SELECT last_insert_rowid()")
            last = cursor.fetchone()[0]
        # Ids grow by one from row to row: nobody else writes between the first and the last of these.
        ids = list(range(last - len(rows) + 1, last + 1))
        if on_sent:
            on_sent(ids, rows)
        return ids

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
        with self.connection.cursor() as cursor:
            cursor.execute(
                "UPDATE taskhub_task SET state = 'running', worker_id = %s, claim_no = claim_no + 1, "
                f"attempt = attempt + 1, started_at = %s WHERE id IN ({' UNION ALL '.join(parts)}) "
                f"RETURNING {', '.join(CLAIM_COLUMNS)}",
                [*self._adapt([worker_id, self.now()]), *params],
            )
            return self._claims(cursor.fetchall(), queues)

    conflicts = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED"})
    troubles = frozenset(
        {"SQLITE_IOERR", "SQLITE_FULL", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PROTOCOL"}
    )

    def code_of(self, error: BaseException) -> str:
        name: str = getattr(error.__cause__, "sqlite_errorname", "")
        return "_".join(name.split("_")[:2])  # SQLITE_BUSY_SNAPSHOT is a SQLITE_BUSY

    def waiter(self) -> Waiter:
        return _ChangeCounter(self.alias, self.connection)


class _ChangeCounter(Waiter):
    """Looks at SQLite's change counter, which other connections' commits move: no query, no lock, no disk."""

    longest_look = 0.02  # seconds: at most 50 looks a second when idle

    def __init__(self, alias: str, connection: BaseDatabaseWrapper) -> None:
        super().__init__(alias)
        self.longest = self.longest_look
        self._database: sqlite3.Connection = connection.Database.connect(  # type: ignore[attr-defined]
            **{**connection.get_connection_params(), "check_same_thread": False}
        )
        self._seen = self._version()

    def wait(self, timeout: float) -> list[Wake]:
        while timeout > 0:
            pause = min(self._pause, timeout)
            if self.sleep(pause):
                return []
            timeout -= pause
            self._pause = min(self.longest, self._pause * self.growth)
            version = self._version()
            if version != self._seen:
                self._seen = version
                self._pause = self.shortest
                return [LOOK]
        return []

    def close(self) -> None:
        self._database.close()
        super().close()

    def _version(self) -> int:
        return int(self._database.execute("PRAGMA data_version").fetchone()[0])
