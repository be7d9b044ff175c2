"""Engine: the statements of the hot path, in the SQL that SQLite and MySQL share. PostgreSQL has its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Any, ClassVar

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import Error, InterfaceError
from django.utils import timezone

from taskhub.engines.rows import (
    CLAIM_COLUMNS,
    NOTHING,
    ZEROES,
    Claim,
    Ending,
    NewTask,
    QueuedTask,
    Skip,
)
from taskhub.engines.wakeups import Kind, Waiter
from taskhub.models.result import Outcome
from taskhub.states import FINISHED, TaskState

INSERT_COLUMNS = (*NewTask._fields, *ZEROES, "reason")
INSERT_START = ", ".join(["%s"] * len(NewTask._fields) + ["0"] * len(ZEROES) + ["''"])
RESULT_COLUMNS = (
    "task_id", "claim_no", "attempt", "outcome", "value", "error_class", "message", "traceback", "fingerprint",
    "worker_id", "worker_name", "started_at", "finished_at",
)  # fmt: skip
OnSent = Callable[[Sequence[int], Sequence[NewTask]], None]


class Engine:
    """The queue's statements on one database alias, on the calling thread's connection.

    Each method is one transaction of its own, or a savepoint inside the caller's. Times are parameters or the
    database's clock, never the start of the caller's transaction.
    """

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

    # -- time -------------------------------------------------------------------------------------------------------

    def clock(self) -> Any:
        """Return the database's time as a value or an expression for a QuerySet."""
        return timezone.now()

    def now(self) -> datetime:
        """Return the database's time."""
        return timezone.now()

    def limit_waits(self, *, locks: float, statements: float | None = None) -> None:
        """Let statements of this connection fail that wait longer for a lock, or take longer, where it can be done."""

    def notice_dead_peers(self) -> None:
        """Let connections made from now on notice that the other side is gone, where the driver can be told."""

    @contextmanager
    def impatient(self, seconds: float) -> Iterator[None]:
        """Open a transaction in which no statement waits longer than this for a lock.

        Inside the caller's transaction it is a savepoint, and on PostgreSQL the limit lasts until that one ends.

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

    def _limit_lock_wait(self, seconds: float) -> Any:
        """Let the session wait at most so long for a lock; return how long it has waited so far."""
        raise NotImplementedError

    def _restore_lock_wait(self, before: Any) -> None:
        raise NotImplementedError

    def is_in_transaction(self) -> bool:
        """Tell whether the calling thread is inside a transaction on its connection."""
        return bool(self.connection.in_atomic_block)

    # -- enqueue ----------------------------------------------------------------------------------------------------

    def insert(self, row: NewTask) -> int:
        """Insert one task and return its id; wakes workers when it commits."""
        with self.connection.cursor() as cursor:
            cursor.execute(self._insert_one, self._adapt(row))
            return int(cursor.lastrowid)

    def insert_many(self, rows: Sequence[NewTask], on_sent: OnSent | None = None) -> list[int]:
        """Insert tasks, all or none, and return their ids in the same order; wakes workers when they commit.

        `on_sent` is called with the ids and rows of each part while the database still works on it: it must not use
        the connection, and what it does comes to nothing when the insert fails.
        """
        raise NotImplementedError

    @cached_property
    def _insert_one(self) -> str:
        return self._insert_sql(1)

    def _insert_sql(self, count: int) -> str:
        values = ", ".join([f"({INSERT_START})"] * count)
        return f"INSERT INTO taskhub_task ({', '.join(map(self.quote, INSERT_COLUMNS))}) VALUES {values}"

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

    # -- claim ------------------------------------------------------------------------------------------------------

    def claim(
        self, worker_id: int, wanted: Sequence[tuple[str, int]], skip: Skip = NOTHING
    ) -> list[Claim]:
        """Give the worker up to n tasks of each queue of `wanted`, in its order, and in claim order within a queue.

        Takes nothing from paused queues, nothing that has expired, and nothing of `skip`. Never waits for a row that
        another claimant has locked.
        """
        raise NotImplementedError

    def is_claimable(self, queues: Sequence[str], skip: Skip = NOTHING) -> bool:
        """Tell whether `claim` would find anything now (tasks locked by others included)."""
        if not queues:
            return False
        sql, params = self._ready_ids(queues, 1, skip)
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT EXISTS ({sql})", params)
            return bool(cursor.fetchone()[0])

    def queued_names(self) -> list[str]:
        """Return the queues that hold a queued task, paused ones included: one index probe a queue."""
        names: list[str] = []
        with self.connection.cursor() as cursor:
            while True:
                cursor.execute(self._next_queue_sql(), [names[-1] if names else ""])
                name = cursor.fetchone()[0]
                if name is None:
                    return names
                names.append(name)

    def queued_fronts(
        self, queues: Iterable[tuple[str, int | None]], limit: int
    ) -> list[QueuedTask]:
        """Return up to `limit` queued tasks of each queue as they would be claimed, in one statement.

        A number beside a queue leaves out that priority and those above it. Paused or not makes no difference.
        """
        parts: list[str] = []
        params: list[Any] = []
        for queue, below in queues:
            only = "" if below is None else f" AND priority < {int(below)}"
            parts.append(
                f"SELECT * FROM (SELECT queue, name, priority, enqueued_at, run_after FROM taskhub_task"
                f"{self._claim_hint} WHERE {self._queue_is}{only} "
                f"ORDER BY {self._claim_order} LIMIT {int(limit)}) AS q{len(parts)}"
            )
            params.append(queue)
        if not parts:
            return []
        with self.connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(parts), params)
            return [
                QueuedTask(*row[:3], *map(self._read_time, row[3:])) for row in cursor.fetchall()
            ]

    def _next_queue_sql(self) -> str:
        return "SELECT min(queue) FROM taskhub_task WHERE state = 'queued' AND queue > %s"

    def _ready_ids(self, queues: Sequence[str], limit: int, skip: Skip) -> tuple[str, list[Any]]:
        """Return a SELECT of the ids that may be claimed, one indexed part a queue, and its parameters."""
        parts: list[str] = []
        params: list[Any] = []
        for queue in queues:
            parts.append(f"SELECT id FROM ({self._ready_sql(limit, skip)}) AS q{len(parts)}")
            params += self._ready_params(queue, skip)
        return " UNION ALL ".join(parts), params

    def _ready_sql(self, limit: int, skip: Skip, columns: str = "id") -> str:
        skipped = "".join(
            f" AND {column} NOT IN ({', '.join(['%s'] * len(values))})"
            for column, values in (("name", skip.names), ("pool", skip.pools))
            if values
        )
        return (
            f"SELECT {columns} FROM taskhub_task{self._claim_hint} WHERE {self._queue_is} "
            f"AND (expires_at IS NULL OR expires_at > %s){skipped} "
            "AND NOT EXISTS (SELECT 1 FROM taskhub_queue WHERE taskhub_queue.name = %s AND is_paused) "
            f"ORDER BY {self._claim_order} LIMIT {int(limit)}"
        )

    _queue_is = "state = 'queued' AND queue = %s"
    _claim_order = "priority DESC, position, id"
    _claim_hint = ""  # where the optimizer must be told its index

    def _ready_params(self, queue: str, skip: Skip) -> list[Any]:
        return [queue, *self._adapt([timezone.now()]), *skip.names, *skip.pools, queue]

    def _claims(self, rows: Iterable[Sequence[Any]], queues: Sequence[str]) -> list[Claim]:
        """Build claims of rows and sort them: the database promises no order of what an UPDATE returns."""
        rank = {queue: index for index, queue in enumerate(queues)}
        at = CLAIM_COLUMNS.index("enqueued_at")
        claims = [Claim._make([*row[:at], *map(self._read_time, row[at:])]) for row in rows]
        return sorted(claims, key=lambda claim: (rank[claim.queue], *claim.order))

    def _read_time(self, value: Any) -> Any:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if value is None or timezone.is_aware(value):
            return value
        return value.replace(tzinfo=UTC)

    # -- what has become due ----------------------------------------------------------------------------------------

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

    def upcoming(self) -> tuple[float | None, float | None]:
        """Return the seconds until the next waiting task is due, and until the next expires (0 or less: overdue).

        None where nothing waits for its time, or nothing expires. One statement.
        """
        first = []
        for condition in (self._due, self._overdue):
            rest, _, column = condition.rpartition(" ")
            where = f"{rest} {column} IS NOT NULL"
            first.append(
                f"(SELECT {column} FROM taskhub_task WHERE {where} ORDER BY {column} LIMIT 1)"
            )
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT {self._clock_sql}, {', '.join(first)}", [])
            now, *times = map(self._read_time, cursor.fetchone())
        due, overdue = (None if at is None else (at - now).total_seconds() for at in times)
        return due, overdue

    _clock_sql: ClassVar[str] = "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')"

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

        The caller has a transaction. Rows that somebody else has locked are left out.
        """
        skip = f"{self.lock_rows} SKIP LOCKED" if self.lock_rows else ""
        sql = (
            "SELECT id FROM taskhub_task WHERE state = %s AND finished_at IS NOT NULL AND finished_at < %s "
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

    # -- finish -----------------------------------------------------------------------------------------------------

    def finish(self, worker_id: int, worker_name: str, endings: Sequence[Ending]) -> list[Ending]:
        """Record how claims of one worker ended; return those whose fence held, as they were recorded.

        A task that would go on (retry, snooze, give-back) although its cancellation was asked for ends as cancelled.

        Raises:
            DatabaseError: nothing of the batch was written.
        """
        by_claim = {(ending.task_id, ending.claim_no): ending for ending in endings}
        ids = sorted({ending.task_id for ending in endings})
        marks = ", ".join(["%s"] * len(ids))
        with transaction.atomic(self.alias), self.connection.cursor() as cursor:
            cursor.execute(
                f"SELECT id, claim_no, cancel_requested_at IS NOT NULL, reason, attempt FROM taskhub_task "
                f"WHERE id IN ({marks}) AND state = 'running' AND worker_id = %s ORDER BY id{self.lock_rows}",
                [*ids, worker_id],
            )
            held = [
                (self._respect_cancel(by_claim[id_, claim_no], bool(asked), reason), attempt)
                for id_, claim_no, asked, reason, attempt in cursor.fetchall()
                if (id_, claim_no) in by_claim
            ]
            if held:
                cursor.executemany(
                    _FINISH_TASK, [self._finish_params(ending) for ending, _ in held]
                )
                results = [
                    self._result_params(ending, attempt, worker_id, worker_name)
                    for ending, attempt in held
                    if ending.outcome
                ]
                if results:
                    cursor.executemany(_INSERT_RESULT, results)
            self._notify_of([ending for ending, _ in held])
        return [ending for ending, _ in held]

    def _notify_of(self, endings: Sequence[Ending]) -> None:
        """Wake those for whom these endings are news: who waits for results, who promotes, who claims."""
        if any(ending.state in FINISHED for ending in endings):
            self.notify(Kind.FINISHED)
        if any(ending.delay is not None for ending in endings):
            self.notify(Kind.DUE_EARLIER)
        if any(ending.state == TaskState.QUEUED for ending in endings):
            self.notify(Kind.ANY)  # of more than one queue, perhaps

    def _respect_cancel(self, ending: Ending, is_asked: bool, reason: str) -> Ending:
        if not is_asked or ending.state in FINISHED:
            return ending
        outcome = ending.outcome and Outcome.CANCELLED
        return ending._replace(
            state=TaskState.CANCELLED,
            outcome=outcome,
            delay=None,
            is_attempt_spent=ending.is_attempt_spent or outcome is not None,
            reason=reason or ending.reason,
        )

    def _finish_params(self, ending: Ending) -> list[Any]:
        is_over = ending.state in FINISHED
        due = None if ending.delay is None else ending.finished_at + timedelta(seconds=ending.delay)
        return self._adapt(
            [
                ending.state.value, ending.waits_for.value, due, ending.outcome is not None, ending.started_at,
                ending.finished_at if is_over else None,
                0 if ending.is_attempt_spent else 1, ending.failures, ending.losses, ending.interruptions,
                ending.reason, is_over, ending.task_id,
            ]
        )  # fmt: skip

    def _result_params(
        self, ending: Ending, attempt: int, worker_id: int, worker_name: str
    ) -> list[Any]:
        return self._adapt(
            [
                ending.task_id, ending.claim_no, attempt, ending.outcome, ending.value, ending.error_class,
                ending.message, ending.traceback, ending.fingerprint, worker_id, worker_name,
                ending.started_at, ending.finished_at,
            ]
        )  # fmt: skip

    # -- wake-up ----------------------------------------------------------------------------------------------------

    def notify(self, kind: Kind, queue: str = "") -> None:
        """Wake those who wait, when the caller's transaction commits. Databases that need no telling do nothing."""

    def waiter(self) -> Waiter:
        """Return a new waiter with whatever connection it needs; the caller closes it."""
        return Waiter(self.alias)

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

    conflicts: ClassVar[frozenset[str]]
    troubles: ClassVar[frozenset[str]]

    def code_of(self, error: BaseException) -> str:
        """Return the database's own code of an error that came through Django, or ""."""
        raise NotImplementedError


_FINISH_TASK = (
    "UPDATE taskhub_task SET state = %s, waits_for = %s, run_after = COALESCE(%s, run_after), "
    "started_at = CASE WHEN %s THEN COALESCE(%s, started_at) END, finished_at = %s, "
    "attempt = attempt - %s, failures = failures + %s, losses = losses + %s, "
    "interruptions = interruptions + %s, reason = COALESCE(NULLIF(%s, ''), reason), "
    "unique_lock = CASE WHEN %s THEN NULL ELSE unique_lock END, worker_id = NULL WHERE id = %s"
)
_INSERT_RESULT = (
    f"INSERT INTO taskhub_result ({', '.join(RESULT_COLUMNS)}) "
    f"VALUES ({', '.join(['%s'] * len(RESULT_COLUMNS))})"
)
