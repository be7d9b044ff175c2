"""Session: a database as the calling thread sees it: its connection, clock, patience, wake-ups and errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import Error, InterfaceError
from django.utils import timezone

from taskhub.engines.wakeups import Kind, Waiter


class Session:
    """What every statement of an engine needs; the engines differ in it more than in anything else."""

    vendor: ClassVar[str]
    lock_rows: ClassVar[str] = " FOR UPDATE"
    has_wakeups: ClassVar[bool] = False
    has_one_writer: ClassVar[bool] = (
        False  # a transaction that writes keeps all others from writing
    )

    def __init__(self, alias: str) -> None:
        self.alias = alias

    @property
    def connection(self) -> BaseDatabaseWrapper:
        return connections[self.alias]

    def ping(self) -> None:
        """Ask the database for nothing.

        Raises:
            DatabaseError: it does not answer.
        """
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    def is_connected(self) -> bool:
        """Tell whether the calling thread's connection is open and takes statements."""
        connection = self.connection
        return connection.connection is not None and connection.is_usable()

    # -- time and patience -------------------------------------------------------------------------------------------

    def clock(self) -> Any:
        """Return the database's time as a value or an expression for a QuerySet."""
        return timezone.now()

    def now(self) -> datetime:
        """Return the database's time."""
        return timezone.now()

    _clock_sql: ClassVar[str] = "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')"

    def limit_waits(self, *, locks: float, statements: float | None = None) -> None:
        """Let statements of this connection fail that wait longer for a lock, or take longer, where it can be done.

        And let the server end the connection when it has stood for twice as long inside a transaction: a process that
        was stopped there holds locks that its rescuers need.
        """

    def notice_dead_peers(self) -> None:
        """Let connections made from now on notice that the other side is gone, where the driver can be told."""

    @contextmanager
    def impatient(self, seconds: float) -> Iterator[None]:
        """Open a transaction in which no statement waits longer than this for a lock.

        Inside the caller's transaction it is a savepoint.

        What waits longer raises an error that `is_conflict`; nothing of the block is written then.
        """
        before = self._limit_lock_wait(seconds)
        try:
            with transaction.atomic(self.alias):
                yield
        finally:
            if self.connection.connection is not None:
                with suppress(Error):  # a broken connection has its own error under way
                    self._restore_lock_wait(before)

    def turn(self) -> AbstractContextManager[None]:
        """Wait, not for long, until this process may write, where the engine keeps its processes from colliding.

        The statements of the engine itself see to that; this is for one that must not come too late.
        """
        return nullcontext()

    def _limit_lock_wait(self, seconds: float) -> Any:
        """Let the session wait at most so long for a lock; return how long it has waited so far."""
        raise NotImplementedError

    def _restore_lock_wait(self, before: Any) -> None:
        raise NotImplementedError

    def is_in_transaction(self) -> bool:
        """Tell whether the calling thread is inside a transaction on its connection."""
        return bool(self.connection.in_atomic_block)

    # -- values -----------------------------------------------------------------------------------------------------

    def _adapt(self, values: Iterable[Any]) -> list[Any]:
        adapt = self.connection.ops.adapt_datetimefield_value
        return [adapt(value) if isinstance(value, datetime) else value for value in values]

    def _adapt_many(self, rows: Iterable[Iterable[Any]]) -> Iterator[list[Any]]:
        """Adapt rows that have most of their times in common."""
        adapt = cache(self.connection.ops.adapt_datetimefield_value)
        for row in rows:
            yield [adapt(value) if isinstance(value, datetime) else value for value in row]

    def quote(self, column: str) -> str:
        return self.connection.ops.quote_name(column)

    def read_time(self, value: Any) -> Any:
        """Return a time as a cursor gives it as an aware one; None stays None."""
        if value is None:
            return None
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value

    def seconds_of(self, column: str) -> str:
        """Return an expression: a time as whole seconds since 1970, which costs less to read by the thousand."""
        return f"CAST(strftime('%%s', {column}) AS INTEGER)"

    # -- wake-up ----------------------------------------------------------------------------------------------------

    def notify(self, kind: Kind, queue: str = "") -> None:
        """Wake those who wait, when the caller's transaction commits. Databases that need no telling do nothing."""

    def waiter(self) -> Waiter:
        """Return a new waiter with whatever connection it needs; the caller closes it."""
        return Waiter(self.alias)

    def change_mark(self) -> object | None:
        """Return what is another value after each commit of anybody else, for one cheap statement.

        It may be another one without a commit, too. None where the database has nothing of the kind.
        """
        return None

    # -- errors -----------------------------------------------------------------------------------------------------

    def is_conflict(self, error: BaseException) -> bool:
        """Tell whether `error` is a deadlock, a serialization failure or a lock held for too long."""
        return self.code_of(error) in self.conflicts

    def is_transient(self, error: BaseException) -> bool:
        """Tell whether trying the same again may help: a conflict, a lost connection, a server that is not ready."""
        return (
            isinstance(error, InterfaceError)
            or self.is_conflict(error)
            or self.code_of(error) in self.troubles
        )

    def is_duplicate(self, error: BaseException) -> bool:
        """Tell whether `error` says that a unique value is taken."""
        return self.code_of(error) == self.duplicate

    def is_lock_timeout(self, error: BaseException) -> bool:
        """Tell whether `error` says that somebody else's row lock was waited for in vain."""
        return self.code_of(error) in self.lock_timeouts

    conflicts: ClassVar[frozenset[str]]
    lock_timeouts: ClassVar[frozenset[str]] = frozenset()
    duplicate: ClassVar[str]
    troubles: ClassVar[frozenset[str]]

    def code_of(self, error: BaseException) -> str:
        """Return the database's own code of an error that came through Django, or ""."""
        raise NotImplementedError
