"""The engine for PostgreSQL: one statement for each verb of the hot path, and NOTIFY to wake who waits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DateTimeField, Func
from django.db.utils import OperationalError

from taskhub import conf
from taskhub.engines.base import INSERT_COLUMNS, INSERT_START, RESULT_COLUMNS, Engine, OnSent
from taskhub.engines.copy_text import copy_lines
from taskhub.engines.listener import CHANNEL, Listener
from taskhub.engines.prepared import Preparer
from taskhub.engines.rows import CLAIM_COLUMNS, NOTHING, ZEROES, Claim, Ending, NewTask, Skip
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

    def clock(self) -> Any:
        return Func(function="clock_timestamp", output_field=DateTimeField())

    def now(self) -> datetime:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            return cursor.fetchone()[0]  # type: ignore[no-any-return]

    def limit_waits(self, *, locks: float, statements: float | None = None) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false)",
                [str(int(locks * 1000)), str(int((statements or 0) * 1000))],
            )

    def notice_dead_peers(self) -> None:
        options = connections.settings[self.alias].setdefault("OPTIONS", {})
        for option, value in _KEEPALIVE.items():
            options.setdefault(option, value)

    _clock_sql = "clock_timestamp()"
    _ago_sql = "clock_timestamp() - make_interval(secs => %s)"

    @contextmanager
    def impatient(self, seconds: float) -> Iterator[None]:
        with transaction.atomic(self.alias):
            with self.connection.cursor() as cursor:
                wait = str(max(1, int(seconds * 1000)))  # 0 would mean for ever
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [wait])
            yield

    # -- enqueue ----------------------------------------------------------------------------------------------------

    def insert(self, row: NewTask) -> int:
        payload = _payload(row)
        connection = self.connection
        if self._should_notify(payload, connection):
            new = self._preparer.fetch_one(connection, _INSERT_AND_NOTIFY, (*row, payload))
        else:
            new = self._preparer.fetch_one(connection, _INSERT, row)
        return int(new[0])

    def insert_many(self, rows: Sequence[NewTask], on_sent: OnSent | None = None) -> list[int]:
        """COPY, with ids drawn in advance."""
        with transaction.atomic(self.alias), self.connection.cursor() as cursor:
            cursor.execute(_DRAW_IDS, [len(rows)])
            ids = sorted(cursor.fetchone()[0])
            with self.connection.wrap_database_errors, cursor.copy(_COPY) as copy:
                for start in range(0, len(rows), _ROWS_AT_ONCE):
                    part = slice(start, start + _ROWS_AT_ONCE)
                    copy.write("".join(copy_lines(ids[part], rows[part], _COPY_END)))
                    if on_sent:
                        on_sent(ids[part], rows[part])
            if conf.get().notify:
                for payload in sorted({_payload(row) for row in rows}):
                    cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])
        return ids

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
        with self.connection.cursor() as cursor:
            cursor.execute(sql, [*params, worker_id])
            return self._claims(cursor.fetchall(), [queue for queue, _ in wanted])

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
            _FINISH_AND_NOTIFY
            if self._should_notify(Kind.FINISHED.value, self.connection)
            else _FINISH
        )
        rows = _ENCODE([_finish_row(ending) for ending in endings])
        with self._savepoint(), self.connection.cursor() as cursor:
            cursor.execute(sql, [rows, worker_id, worker_id, worker_name])
            held = set(cursor.fetchall())
        return [ending for ending in endings if (ending.task_id, ending.claim_no) in held]

    def _savepoint(self) -> AbstractContextManager[Any]:
        """Guard the caller's transaction; a statement outside of one is a transaction of its own."""
        return transaction.atomic(self.alias) if self.connection.in_atomic_block else nullcontext()

    # -- wake-up ----------------------------------------------------------------------------------------------------

    def notify(self, kind: Kind, queue: str = "") -> None:
        if conf.get().notify:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{kind} {queue}"])

    def waiter(self) -> Waiter:
        return Listener(self.alias) if conf.get().notify else super().waiter()

    def _should_notify(self, payload: str, connection: BaseDatabaseWrapper) -> bool:
        # Inside a transaction nobody knows when it commits, so nothing may be left out; PostgreSQL merges repetitions.
        return conf.get().notify and (
            connection.in_atomic_block or self._debounce.should_send(payload)
        )

    # -- errors -----------------------------------------------------------------------------------------------------

    conflicts = frozenset({"40001", "40P01", "55P03"})
    # By class: connection, insufficient resources, operator intervention; and read-only (failover).
    troubles = frozenset({"08", "53", "57", "25006"})

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


# A dead network is noticed after some 20 s instead of hours; seconds, but for the last: milliseconds.
_KEEPALIVE = {
    "keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3, "tcp_user_timeout": 20_000,
    "connect_timeout": 10,
}  # fmt: skip


def _payload(row: NewTask) -> str:
    return f"{_KINDS[row.state]} {row.queue}"


# By plain strings: members of an Enum are slow to look up on Python 3.11.
_KINDS = {
    TaskState.QUEUED.value: Kind.QUEUED.value,
    TaskState.PENDING.value: Kind.DUE_EARLIER.value,
}


_CLAIM_COLUMNS = ", ".join(CLAIM_COLUMNS)
_INSERT = (
    f"INSERT INTO taskhub_task ({', '.join(INSERT_COLUMNS)}) VALUES ({INSERT_START}) RETURNING id"
)
_INSERT_AND_NOTIFY = f"WITH new AS ({_INSERT}) SELECT id, pg_notify('{CHANNEL}', %s) FROM new"
# The sequence is looked up once and not for each id.
_DRAW_IDS = (
    "SELECT array_agg(nextval(sequence)) FROM generate_series(1, %s), "
    "(SELECT pg_get_serial_sequence('taskhub_task', 'id')::regclass AS sequence OFFSET 0) AS looked_up"
)
_COPY = f"COPY taskhub_task (id, {', '.join(INSERT_COLUMNS)}) FROM STDIN"
_COPY_END = "\t".join([*["0"] * len(ZEROES), ""])  # as INSERT_START ends
_ROWS_AT_ONCE = 500

_FINISH_TYPES = {
    "id": "bigint", "claim_no": "int", "state": "text", "outcome": "text", "started_at": "timestamptz",
    "finished_at": "timestamptz", "value": "text", "failures": "int", "losses": "int", "interruptions": "int",
    "reason": "text", "error_class": "text", "message": "text", "traceback": "text", "fingerprint": "text",
}  # fmt: skip


def _finish_row(ending: Ending) -> dict[str, Any]:
    """Return the fields of an ending as JSON; what is absent is empty."""
    row = {
        "id": ending.task_id, "claim_no": ending.claim_no, "state": ending.state, "outcome": ending.outcome,
        "started_at": ending.started_at.isoformat(), "finished_at": ending.finished_at.isoformat(),
    }  # fmt: skip
    return row | {name: value for name in _OPTIONAL if (value := getattr(ending, name))}


_OPTIONAL = list(_FINISH_TYPES)[6:]
_ENCODE = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode

# Rows are locked in the order of their ids before they are written; a Result is written only where the fence held.
_FINISH = f"""
WITH ended AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%s) AS ended({", ".join(map(" ".join, _FINISH_TYPES.items()))})
), held AS MATERIALIZED (
    SELECT id, claim_no, attempt FROM taskhub_task
    WHERE id = ANY(ARRAY(SELECT id FROM ended)) AND state = 'running' AND worker_id = %s ORDER BY id FOR UPDATE
), fenced AS MATERIALIZED (
    SELECT ended.*, held.attempt FROM ended JOIN held USING (id, claim_no)
), written AS (
    UPDATE taskhub_task AS task SET
        state = fenced.state, started_at = fenced.started_at, finished_at = fenced.finished_at,
        failures = task.failures + coalesce(fenced.failures, 0), losses = task.losses + coalesce(fenced.losses, 0),
        interruptions = task.interruptions + coalesce(fenced.interruptions, 0),
        reason = coalesce(nullif(fenced.reason, ''), task.reason), unique_lock = NULL, worker_id = NULL
    FROM fenced WHERE task.id = fenced.id
), recorded AS (
    INSERT INTO taskhub_result ({", ".join(RESULT_COLUMNS)})
    SELECT id, claim_no, attempt, outcome, value::jsonb, coalesce(error_class, ''), coalesce(message, ''),
        coalesce(traceback, ''), coalesce(fingerprint, ''), %s, %s, started_at, finished_at FROM fenced
)
SELECT id, claim_no FROM fenced"""
# One notification a statement: the lateral row is computed once.
_FINISH_AND_NOTIFY = f"{_FINISH}, pg_notify('{CHANNEL}', '{Kind.FINISHED} ')"
