"""Linking: tasks that have succeeded meet the needs of those that wait for them, many in few statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from taskhub.engines.session import Session
from taskhub.engines.wakeups import Kind
from taskhub.states import Tie

# A dependent that is to pass a gate, to take its turn or to wait for its time goes there by way of promotion.
_IS_READY = "state = 'pending' AND unmet = {count}"
_IS_PLAIN = (
    f"(ties & {int(Tie.SLOT | Tie.RATE)}) = 0 AND fair_key IS NULL "
    "AND (run_after IS NULL OR run_after <= {now})"
)
# One that may start now has waited for a worker from now on.
# MySQL lets later assignments see what earlier ones have written: the order matters.
MOVE = (
    "run_after = CASE WHEN {ready} AND (run_after IS NULL OR run_after <= {now}) THEN {now} ELSE run_after END, "
    "waits_for = CASE WHEN {ready} THEN CASE WHEN {plain} THEN '' ELSE 'time' END ELSE waits_for END, "
    "state = CASE WHEN {ready} AND {plain} THEN 'queued' ELSE state END, "
    "unmet = unmet - {count}"
)


class Linked(NamedTuple):
    """What has become of dependents: queues that got some, whether others wait for their time, whether that was all."""

    queues: list[str]
    is_later: bool
    is_all: bool


class Linking(Session):
    """The statements of workflows."""

    def meet(self, ids: Sequence[int], limit: int) -> bool:
        """Meet the needs that the success of these tasks meets; in the transaction that recorded it.

        At most `limit` dependents hear of it: return whether that were all. Those who claim and who promote are woken
        when the transaction commits.
        """
        linked = self._meet(ids, limit)
        for queue in linked.queues:
            self.notify(Kind.QUEUED, queue)
        if linked.is_later:
            self.notify(Kind.DUE_EARLIER)
        return linked.is_all

    def _meet(self, ids: Sequence[int], limit: int) -> Linked:
        marks = ", ".join(["%s"] * len(ids))
        which = f"upstream_id IN ({marks}) AND state = 'waits' AND need <> 'failure'"
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"SELECT dependent_id, count(*) FROM taskhub_dependency WHERE {which} "
                f"GROUP BY dependent_id ORDER BY dependent_id LIMIT {int(limit)}",
                list(ids),
            )
            counts = dict(cursor.fetchall())
            if not counts:
                return Linked([], is_later=False, is_all=True)
            theirs = ", ".join(["%s"] * len(counts))
            cursor.execute(
                f"SELECT id FROM taskhub_task WHERE id IN ({theirs}) AND unmet > 0 ORDER BY id{self.lock_rows}",
                list(counts),
            )
            waiting = [row[0] for row in cursor.fetchall()]
            linked = self._move(cursor, which, ids, {id_: counts[id_] for id_ in waiting})
        return linked._replace(is_all=len(counts) < limit)

    def _move(self, cursor: Any, which: str, ids: Sequence[int], counts: dict[int, int]) -> Linked:
        if not counts:
            return Linked([], is_later=False, is_all=True)
        marks = ", ".join(["%s"] * len(counts))
        dependents = list(counts)
        cursor.execute(
            f"UPDATE taskhub_dependency SET state = 'met' WHERE {which} AND dependent_id IN ({marks})",
            [*ids, *dependents],
        )
        by_count: dict[int, list[int]] = {}
        for id_, count in counts.items():
            by_count.setdefault(count, []).append(id_)
        for count, some in by_count.items():
            these = ", ".join(["%s"] * len(some))
            cursor.execute(
                f"UPDATE taskhub_task SET {self._move_sql(str(count))} WHERE id IN ({these})", some
            )
        cursor.execute(
            f"SELECT DISTINCT queue, state, waits_for FROM taskhub_task WHERE id IN ({marks}) "
            "AND unmet = 0 AND state IN ('queued', 'pending')",
            dependents,
        )
        return _linked_of(cursor.fetchall())

    def _move_sql(self, count: str) -> str:
        """Return the assignments that count needs of a dependent as met."""
        now = self._clock_sql
        ready, plain = _IS_READY.format(count=count), _IS_PLAIN.format(now=now)
        return MOVE.format(count=count, ready=ready, plain=plain, now=now)


def _linked_of(rows: Sequence[Sequence[Any]]) -> Linked:
    """Gather rows of (queue, state, waits_for) of dependents that wait for no task any more."""
    queues = sorted({queue for queue, state, _ in rows if state == "queued"})
    return Linked(queues, is_later=any(row[2] == "time" for row in rows), is_all=True)
