"""Prepared statements on Django's connections to PostgreSQL, where the session is known to be the client's own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import NotSupportedError, ProgrammingError
from django.utils.asyncio import async_unsafe
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName

_THRESHOLD = 5  # as psycopg has it: a short session has nothing to gain
# Somebody has reset the session (DISCARD ALL, for one), or given another type to a column that the statement returns.
_GONE = (InvalidSqlStatementName, FeatureNotSupported)


class _PreparingCursor(psycopg.Cursor[Any]):
    """Prepares what it executes, on a connection where Django has turned that off for its own cursors."""

    def fetch(self, sql: str, params: Sequence[Any], unprepared: int) -> list[tuple[Any, ...]]:
        connection = self.connection
        kept, connection.prepare_threshold = connection.prepare_threshold, unprepared
        try:
            return self.execute(sql, params).fetchall()
        finally:
            connection.prepare_threshold = kept


class Preparer:
    """Executes statements that the server parses and plans once a session.

    That is a fifth of an insert's time, and more than a third of a claim's that comes after a rest.
    Only outside transactions, where a statement can be repeated, and where nobody watches the statements of Django's
    own cursors. Never behind PgBouncer and its like, which give each transaction to another server process: what was
    prepared in one is unknown in the next or, worse, is somebody else's statement of the same name.
    """

    def __init__(self) -> None:
        self._executed: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._unfit: WeakSet[Any] = WeakSet()
        self._ready = _Ready()

    @async_unsafe
    def fetch(
        self, connection: BaseDatabaseWrapper, sql: str, params: Sequence[Any], unprepared: int = 0
    ) -> list[tuple[Any, ...]]:
        """Execute a statement and return its rows; the first times `unprepared`, where its text may not come again."""
        if cursor := self._preparing_cursor(connection):
            try:
                with connection.wrap_database_errors:
                    return cursor.fetch(sql, params, unprepared)
            except (ProgrammingError, NotSupportedError) as error:
                if not isinstance(error.__cause__, _GONE):
                    raise
                self._unfit.add(cursor.connection)  # it may happen again
                self._ready.cursor = None
        with connection.cursor() as plain:
            plain.execute(sql, params)
            rows: list[tuple[Any, ...]] = plain.fetchall()
            return rows

    def _preparing_cursor(self, connection: BaseDatabaseWrapper) -> _PreparingCursor | None:
        """Return this thread's cursor, after the checks that Django makes before it gives one."""
        if connection.in_atomic_block or connection.execute_wrappers or connection.queries_logged:
            return None
        connection.validate_thread_sharing()
        connection.close_if_health_check_failed()
        raw, cursor = connection.connection, self._ready.cursor
        if cursor is None or cursor.connection is not raw:
            with connection.wrap_database_errors:
                cursor = self._ready.cursor = self._new_cursor(raw)
        return cursor

    def _new_cursor(self, raw: psycopg.Connection[Any] | None) -> _PreparingCursor | None:
        """Return a cursor for a session that has executed a few statements and is fit for more."""
        if raw is None or raw in self._unfit:
            return None
        self._executed[raw] = executed = self._executed.get(raw, 0) + 1
        if executed < _THRESHOLD:
            return None
        if executed == _THRESHOLD and not _is_ours(raw):
            self._unfit.add(raw)
            return None
        return _PreparingCursor(raw)


class _Ready(threading.local):
    """The cursor of the connection that the thread used last."""

    cursor: _PreparingCursor | None = None


def _is_ours(raw: psycopg.Connection[Any]) -> bool:
    """Tell whether the process that answers is the one that the connection was told of when it was opened."""
    with raw.cursor() as cursor:
        row = cursor.execute("SELECT pg_backend_pid()").fetchone()
    return row is not None and row[0] == raw.info.backend_pid
