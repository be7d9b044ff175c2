"""The engine for MySQL 8 and MariaDB 10.6 and later: row locks with SKIP LOCKED, no RETURNING."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import DateTimeField, Func

from taskhub.engines.base import Engine
from taskhub.engines.enqueueing import is_plain
from taskhub.engines.rows import CLAIM_COLUMNS, NOTHING, PLAIN, Claim, NewTask, Skip

_ROWS_PER_INSERT = 200


class MySQL(Engine):
    """MySQL has no partial indexes: a generated column that is NULL unless the task is queued leads its claim index."""

    vendor = "mysql"
    _queue_is = "queued_in = %s"
    # A clean walk of the claim index is certain only when the optimizer is told so: its statistics may be old.
    _claim_hint = " FORCE INDEX (taskhub_task_claim)"
    _due, _overdue = "due_at", "overdue_at"
    _turn_is = _gate_turn_is = "turn_of = %s"
    _last_turn = "SELECT max(position) FROM taskhub_task FORCE INDEX (taskhub_task_fair) WHERE {}"
    _waiting_is = "waiting_in = %s"
    _slot_is = _slot_of = "slot_of"
    _line_is, _line_hint = "queued_in = %s", _claim_hint
    _all_waiting = (
        "SELECT waiting_in, state, count(*) FROM taskhub_task FORCE INDEX (taskhub_task_waiting) "
        "WHERE waiting_in > '' "
        "GROUP BY waiting_in, state"
    )

    _first_queued = "SELECT min(queued_in) FROM taskhub_task WHERE queued_in > "
    _first_waiting = "SELECT min(waiting_in) FROM taskhub_task WHERE waiting_in > "

    def _names(self, first: str) -> list[str]:
        """Probe for one after the other: MariaDB walks an index that is compared with another row's value."""
        names: list[str] = []
        with self.connection.cursor() as cursor:
            while True:
                cursor.execute(f"{first} %s", [names[-1] if names else ""])
                name = cursor.fetchone()[0]
                if name is None:
                    return names
                names.append(name)

    _clock_sql = "UTC_TIMESTAMP(6)"
    _ago_sql = "UTC_TIMESTAMP(6) - INTERVAL %s SECOND"

    def clock(self) -> Any:
        return Func(template="UTC_TIMESTAMP(6)", output_field=DateTimeField())

    def now(self) -> datetime:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT UTC_TIMESTAMP(6)")
            return self.read_time(cursor.fetchone()[0])  # type: ignore[no-any-return]

    def seconds_of(self, column: str) -> str:
        return f"TIMESTAMPDIFF(SECOND, '1970-01-01', {column})"

    def limit_waits(self, *, locks: float, statements: float | None = None) -> None:
        seconds = max(1, int(locks))
        self._restore_lock_wait((seconds, seconds))
        if getattr(self.connection, "mysql_is_mariadb", False):
            with self.connection.cursor() as cursor:
                cursor.execute(f"SET SESSION idle_transaction_timeout = {max(1, int(locks * 2))}")

    def _counts(self, queues: Sequence[str], most: int) -> list[tuple[Any, ...]]:
        """Write each queue out: MariaDB's derived tables do not see the row that they belong to."""
        conditions = (
            f"{self._claim_hint} WHERE queued_in = %s",
            " WHERE waiting_in = %s AND state = 'pending'",
            " WHERE waiting_in = %s AND state = 'retrying'",
        )
        one = ", ".join(
            f"(SELECT count(*) FROM (SELECT 1 AS one FROM taskhub_task{where} LIMIT {int(most)}) AS q)"
            for where in conditions
        )
        with self.connection.cursor() as cursor:
            cursor.execute(
                " UNION ALL ".join([f"SELECT %s, {one}"] * len(queues)),
                [queue for queue in queues for _ in range(4)],
            )
            return list(cursor.fetchall())

    cut_off = frozenset({"1969", "3024"})

    @contextmanager
    def _statement_limit(self, seconds: float) -> Iterator[None]:
        is_mariadb = getattr(self.connection, "mysql_is_mariadb", False)
        name, factor = ("max_statement_time", 1) if is_mariadb else ("max_execution_time", 1000)
        with self.connection.cursor() as cursor:
            cursor.execute(f"SET SESSION {name} = {seconds * factor:g}")
        try:
            yield
        finally:
            with self.connection.cursor() as cursor:
                cursor.execute(f"SET SESSION {name} = DEFAULT")

    def _limit_lock_wait(self, seconds: float) -> Any:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT @@lock_wait_timeout, @@innodb_lock_wait_timeout")
            before = cursor.fetchone()
        self._restore_lock_wait([max(1, math.ceil(seconds))] * 2)  # whole seconds only
        return before

    def _restore_lock_wait(self, before: Any) -> None:
        """Set how long to wait for locks of tables, and for locks of rows."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SET SESSION lock_wait_timeout = %s, SESSION innodb_lock_wait_timeout = %s",
                list(before),
            )

    def insert_many(self, rows: Sequence[NewTask]) -> list[int]:
        ids: list[int] = []
        is_tied = not all(map(is_plain, rows))
        values: Sequence[Sequence[Any]] = rows if is_tied else [row[:PLAIN] for row in rows]
        with transaction.atomic(self.alias), self.connection.cursor() as cursor:
            for start in range(0, len(rows), _ROWS_PER_INSERT):
                part = values[start : start + _ROWS_PER_INSERT]
                cursor.execute(
                    self._insert_sql(len(part), is_tied=is_tied),
                    [value for row in self._adapt_many(part) for value in row],
                )
                # InnoDB numbers the rows of one INSERT … VALUES consecutively, from the first id that it reports
                # ("simple inserts", also with innodb_autoinc_lock_mode = 2), in steps of auto_increment_increment.
                ids += range(
                    cursor.lastrowid,
                    cursor.lastrowid + len(part) * self._id_step(cursor),
                    self._id_step(cursor),
                )
        return ids

    def _id_step(self, cursor: Any) -> int:
        if not hasattr(self, "_step"):
            cursor.execute("SELECT @@auto_increment_increment")
            self._step = int(cursor.fetchone()[0])
        return self._step

    def claim(
        self, worker_id: int, wanted: Sequence[tuple[str, int]], skip: Skip = NOTHING
    ) -> list[Claim]:
        rows: list[Sequence[Any]] = []
        with transaction.atomic(self.alias), self.connection.cursor() as cursor:
            for queue, limit in wanted:
                sql = self._ready_sql(limit, skip, ", ".join(CLAIM_COLUMNS))
                cursor.execute(f"{sql} FOR UPDATE SKIP LOCKED", self._ready_params(queue, skip))
                rows += cursor.fetchall()
            if rows:
                marks = ", ".join(["%s"] * len(rows))
                cursor.execute(
                    "UPDATE taskhub_task SET state = 'running', worker_id = %s, claim_no = claim_no + 1, "
                    f"attempt = attempt + 1, started_at = UTC_TIMESTAMP(6) WHERE id IN ({marks})",
                    [worker_id, *sorted(row[0] for row in rows)],
                )
        claims = self._claims(rows, [queue for queue, _ in wanted])
        return [
            claim._replace(claim_no=claim.claim_no + 1, attempt=claim.attempt + 1)
            for claim in claims
        ]

    # Deadlock, lock wait timeout, record changed since last read.
    conflicts = frozenset({"1213", "1205", "1020"})
    lock_timeouts = frozenset({"1205"})
    duplicate = "1062"
    # Server shutting down, too many connections, read-only (failover), no server, server gone or lost.
    troubles = frozenset(
        {
            "1053",
            "1040",
            "1290",
            "1792",
            "1836",
            "1927",
            "2002",
            "2003",
            "2006",
            "2013",
            "2055",
            "0",
        }
    )

    def code_of(self, error: BaseException) -> str:
        return str(error.args[0]) if error.args else ""
