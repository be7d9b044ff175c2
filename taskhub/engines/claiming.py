"""Claiming: what may be claimed, in which order, and what waits in the queues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.utils import timezone

from taskhub.engines.rows import CLAIM_COLUMNS, NOTHING, Claim, Front, Skip
from taskhub.engines.session import Session


class Claiming(Session):
    """The walk along the claim index, which holds exactly what is queued."""

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

    def queued_fronts(self, queues: Iterable[tuple[str, int | None]], limit: int) -> list[Front]:
        """Return what the first `limit` queued tasks of each queue are, in claim order, by priority and name.

        One statement for all. A number beside a queue leaves out that priority and those above it. Paused or not makes
        no difference.
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
            cursor.execute(
                f"SELECT {self._front} FROM ({' UNION ALL '.join(parts)}) AS front {self._by_front}",
                params,
            )
            return [Front._make((*row, self.read_time(at))) for *row, at in cursor.fetchall()]

    _front = (
        "queue, name, priority, count(*), "
        "min(CASE WHEN run_after > enqueued_at THEN run_after ELSE enqueued_at END)"
    )
    _by_front = "GROUP BY queue, name, priority ORDER BY queue, priority DESC, name"

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
        if skip.risky:
            skipped += f" AND (losses = 0 OR pool NOT IN ({', '.join(['%s'] * len(skip.risky))}))"
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
        return [queue, *self._adapt([timezone.now()]), *skip.names, *skip.pools, *skip.risky, queue]

    def _claims(self, rows: Iterable[Sequence[Any]], queues: Sequence[str]) -> list[Claim]:
        """Build claims of rows and sort them: the database promises no order of what an UPDATE returns."""
        rank = {queue: index for index, queue in enumerate(queues)}
        at = CLAIM_COLUMNS.index("enqueued_at")
        claims = [Claim._make([*row[:at], *map(self.read_time, row[at:])]) for row in rows]
        return sorted(claims, key=lambda claim: (rank[claim.queue], *claim.order))
