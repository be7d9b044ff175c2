"""The engine for PostgreSQL: one statement for each verb of the hot path, and NOTIFY to wake who waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DateTimeField, Func
from django.db.utils import OperationalError

from taskhub import conf
from taskhub.engines.base import Engine
from taskhub.engines.copy_text import copy_lines, field
from taskhub.engines.listener import CHANNEL, Listener
from taskhub.engines.postgresql_enqueue import (
    COPY_END,
    DRAW_IDS,
    ROWS_AT_ONCE,
    copy_of,
    news_of,
    statement_of,
)
from taskhub.engines.postgresql_finish import FINISH, FINISH_AND_NOTIFY, encode_endings
from taskhub.engines.postgresql_link import MEET
from taskhub.engines.prepared import Preparer
from taskhub.engines.rows import (
    CLAIM_COLUMNS,
    NOTHING,
    Claim,
    Ending,
    Front,
    NewTask,
    Skip,
)
from taskhub.engines.wakeups import Debounce, Kind, Waiter
from taskhub.states import FINISHED, TaskState


class PostgreSQL(Engine):
    """Notifications ride in the statement that they tell of: they arrive if and when it commits."""

    vendor = "postgresql"
    has_wakeups = True

    def __init__(self, alias: str) -> None:
        super().__init__(alias)
        self._debounce = Debounce()
        self._preparer = Preparer()
        self._is_dry = False  # the last claim of this process got less than it asked for

    def clock(self) -> Any:
        return Func(function="clock_timestamp", output_field=DateTimeField())

    def now(self) -> datetime:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            return cursor.fetchone()[0]  # type: ignore[no-any-return]

    def limit_waits(self, *, locks: float, statements: float | None = None) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false), "
                "set_config('idle_in_transaction_session_timeout', %s, false)",
                [
                    str(int(locks * 1000)),
                    str(int((statements or 0) * 1000)),
                    str(max(1000, int(locks * 2000))),
                ],
            )

    cut_off = frozenset({"57014"})

    @contextmanager
    def _statement_limit(self, seconds: float) -> Iterator[None]:
        with transaction.atomic(self.alias), self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('statement_timeout'), set_config('statement_timeout', %s, true)",
                [str(int(seconds * 1000))],
            )
            before = cursor.fetchone()[0]
            yield
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [before])

    def notice_dead_peers(self) -> None:
        options = connections.settings[self.alias].setdefault("OPTIONS", {})
        for option, value in _KEEPALIVE.items():
            options.setdefault(option, value)

    _clock_sql = "clock_timestamp()"
    _ago_sql = "clock_timestamp() - make_interval(secs => %s)"

    def seconds_of(self, column: str) -> str:
        return f"extract(epoch FROM {column})::bigint"

    @contextmanager
    def impatient(self, seconds: float) -> Iterator[None]:
        is_inside = self.connection.in_atomic_block
        with transaction.atomic(self.alias):
            before = self._limit_lock_wait(seconds)
            yield
            if is_inside:  # a rollback of the savepoint undoes it, its release does not
                self._restore_lock_wait(before)

    def _limit_lock_wait(self, seconds: float) -> Any:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('lock_timeout')")
            before = cursor.fetchone()[0]
        self._restore_lock_wait(f"{max(1, int(seconds * 1000))}ms")  # 0 would mean for ever
        return before

    def _restore_lock_wait(self, before: Any) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [before])

    # -- enqueue ----------------------------------------------------------------------------------------------------

    def insert(self, row: NewTask) -> int:
        payload = news_of(row)
        connection = self.connection
        is_told = bool(payload) and self._should_notify(payload, connection)
        sql, values = statement_of(row, is_told=is_told)
        return int(
            self._preparer.fetch(connection, sql, (*values, payload) if is_told else values)[0][0]
        )

    def insert_many(self, rows: Sequence[NewTask]) -> list[int]:
        """COPY, with ids drawn in advance."""
        with transaction.atomic(self.alias), self.connection.cursor() as cursor:
            cursor.execute(DRAW_IDS, [len(rows)])
            ids = sorted(cursor.fetchone()[0])
            sql, width = copy_of(rows)
            with self.connection.wrap_database_errors, cursor.copy(sql) as copy:
                for start in range(0, len(rows), ROWS_AT_ONCE):
                    part = slice(start, start + ROWS_AT_ONCE)
                    copy.write("".join(copy_lines(ids[part], rows[part], COPY_END, width)))
            if conf.get().notify:
                for payload in sorted({news_of(row) for row in rows} - {""}):
                    cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])
        return ids

    def insert_rows(
        self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        lines = ("\t".join(map(field, row)) + "\n" for row in rows)
        sql = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        with (
            self.connection.wrap_database_errors,
            self.connection.cursor() as cursor,
            cursor.copy(sql) as copy,
        ):
            while part := list(islice(lines, ROWS_AT_ONCE)):
                copy.write("".join(part))

    # -- claim ------------------------------------------------------------------------------------------------------

    def claim(
        self, worker_id: int, wanted: Sequence[tuple[str, int]], skip: Skip = NOTHING
    ) -> list[Claim]:
        parts: list[str] = []
        params: list[Any] = []
        for queue, limit in wanted:
            parts.append(
                f"q{len(parts)} AS MATERIALIZED ({self._ready_sql(limit, skip)} FOR UPDATE SKIP LOCKED)"
            )
            params += self._ready_params(queue, skip)
        picked = " UNION ALL ".join(f"SELECT id FROM q{number}" for number in range(len(parts)))
        # = ANY(ARRAY(…)) is an index scan of the primary key whatever the statistics say; a join may not be.
        sql = (
            f"WITH {', '.join(parts)} UPDATE taskhub_task SET state = 'running', worker_id = %s, "
            "claim_no = claim_no + 1, attempt = attempt + 1, started_at = clock_timestamp() "
            f"WHERE id = ANY(ARRAY({picked})) RETURNING {_CLAIM_COLUMNS}"
        )
        params.append(worker_id)
        if self._is_dry:  # the next task is waited for, and the plan that is kept fits still
            rows = self._preparer.fetch(self.connection, sql, params, unprepared=5)
        else:  # the table may have grown
            with self.connection.cursor() as cursor:
                cursor.execute(sql, params)
                rows = cursor.fetchall()
        self._is_dry = len(rows) < sum(limit for _, limit in wanted)
        return self._claims(rows, [queue for queue, _ in wanted])

    def queued_fronts(self, queues: Iterable[tuple[str, int | None]], limit: int) -> list[Front]:
        """See `Claiming`: one plan for all queues, of which there may be many."""
        wanted = list(queues)
        if not wanted:
            return []
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {self._front} FROM unnest(%s::text[], %s::int[]) AS line (of_queue, below) "
                "CROSS JOIN LATERAL (SELECT queue, name, priority, enqueued_at, run_after FROM taskhub_task "
                "WHERE state = 'queued' AND queue = line.of_queue AND priority < line.below "
                f"ORDER BY {self._claim_order} LIMIT {int(limit)}) AS front {self._by_front}",
                [
                    [queue for queue, _ in wanted],
                    [_ANY_PRIORITY if below is None else below for _, below in wanted],
                ],
            )
            return [Front(*row) for row in cursor.fetchall()]

    def lock_ended(self, state: TaskState, until: datetime, limit: int) -> list[int]:
        """As the base says; a planner without statistics would read and sort all that has ended."""
        with self.connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_sort = off")
            ids = super().lock_ended(state, until, limit)
            cursor.execute("SET LOCAL enable_sort TO DEFAULT")
        return ids

    def delete_rows(self, table: str, column: str, ids: Sequence[int]) -> None:
        """As the base says; a list of some hundred would make a planner without statistics read the whole table."""
        which = "ANY(ARRAY(SELECT unnest(%s::bigint[])))"
        with self.connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {table} WHERE {column} = {which}", [list(ids)])

    # -- finish -----------------------------------------------------------------------------------------------------

    def finish(self, worker_id: int, worker_name: str, endings: Sequence[Ending]) -> list[Ending]:
        """As the base says; a batch in which all end for good, nearly every one, is one statement."""
        if not all(ending.state in FINISHED and ending.outcome for ending in endings):
            return super().finish(worker_id, worker_name, endings)
        sql = (
            FINISH_AND_NOTIFY
            if self._should_notify(Kind.FINISHED.value, self.connection)
            else FINISH
        )
        with self.connection.cursor() as cursor:
            cursor.execute(sql, [encode_endings(endings), worker_id, worker_id, worker_name])
            held = set(cursor.fetchall())
        return [ending for ending in endings if (ending.task_id, ending.claim_no) in held]

    def meet(self, ids: Sequence[int], limit: int) -> bool:
        """As the base says; one statement, which tells of what it did."""
        sql = MEET.format(limit=int(limit), move=self._move_sql("n"))
        with self.connection.cursor() as cursor:
            cursor.execute(sql, [list(ids), conf.get().notify])
            return bool(cursor.fetchone()[0] < limit)

    # -- wake-up ----------------------------------------------------------------------------------------------------

    def notify(self, kind: Kind, queue: str = "") -> None:
        if conf.get().notify:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{kind} {queue}"])

    def waiter(self) -> Waiter:
        return Listener(self.alias) if conf.get().notify else super().waiter()

    def change_mark(self) -> object:
        # Which transactions have ended, of the whole server: it reads no table.
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_snapshot()::text")
            return cursor.fetchone()[0]

    def _should_notify(self, payload: str, connection: BaseDatabaseWrapper) -> bool:
        # Inside a transaction nobody knows when it commits, so nothing may be left out; PostgreSQL merges repetitions.
        return conf.get().notify and (
            connection.in_atomic_block or self._debounce.should_send(payload)
        )

    # -- errors -----------------------------------------------------------------------------------------------------

    conflicts = frozenset({"40001", "40P01", "55P03"})
    lock_timeouts = frozenset({"55P03"})
    duplicate = "23505"
    # By class: connection, insufficient resources, operator intervention; and read-only (failover).
    troubles = frozenset({"08", "53", "57", "25006", "25P03"})

    def code_of(self, error: BaseException) -> str:
        cause = error.__cause__
        if (
            isinstance(error, OperationalError)
            and cause is not None
            and getattr(cause, "sqlstate", None) is None
        ):
            return "08"  # the connection broke: the server had no say
        return getattr(cause, "sqlstate", None) or "?"

    def is_transient(self, error: BaseException) -> bool:
        return super().is_transient(error) or self.code_of(error)[:2] in self.troubles


_ANY_PRIORITY = 1000  # above the highest

# A dead network is noticed after some 20 s instead of hours; seconds, but for the last: milliseconds.
_KEEPALIVE = {
    "keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3, "tcp_user_timeout": 20_000,
    "connect_timeout": 10,
}  # fmt: skip


_CLAIM_COLUMNS = ", ".join(CLAIM_COLUMNS)
