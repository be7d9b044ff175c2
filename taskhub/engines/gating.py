"""Gating: who waits before a gate, who holds slots, and whose turn it is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar, NamedTuple

from taskhub.engines.session import Session

_PROBES_AT_ONCE = 100


class Line(NamedTuple):
    """Tasks that stand in one order: the queued ones of a queue and a priority, or those of them before a gate."""

    queue: str
    priority: int
    gate: str | None


class Gating(Session):
    """Probes of indexes that hold limited tasks only; none costs more where there are more tasks."""

    # The condition of the index, its column, and that column's condition for a line of queued tasks.
    _slot_is: ClassVar[str] = "state IN ('queued', 'running') AND concurrency_key"
    _slot_of: ClassVar[str] = "concurrency_key"
    _turn_is: ClassVar[str] = "fair_key = %s AND state = 'queued'"
    _gate_turn_is: ClassVar[str] = "fair_key = %s"
    _line_is: ClassVar[str] = "state = 'queued' AND queue = %s"

    def next_gate(self, after: str = "") -> str | None:
        """Return the key of the first gate beyond `after` before which somebody waits."""
        sql = "SELECT min(waits_key) FROM taskhub_task WHERE waits_key > %s"
        return self._value(sql, [after])  # type: ignore[no-any-return]

    def count_holders(self, keys: Collection[str]) -> dict[str, int]:
        """Return how many tasks of each concurrency key are queued or run; keys without any are left out."""
        if not keys:
            return {}
        marks = ", ".join(["%s"] * len(keys))
        sql = (
            f"SELECT {self._slot_of}, count(*) FROM taskhub_task WHERE {self._slot_is} IN ({marks}) "
            f"GROUP BY {self._slot_of}"
        )
        with self.connection.cursor() as cursor:
            cursor.execute(sql, list(keys))
            return dict(cursor.fetchall())

    def count_waiting(self, queue: str, most: int) -> int:
        """Return how many tasks of a queue are queued, pending or retrying; counts to `most` of each and no further."""
        parts = [
            f"(SELECT count(*) FROM (SELECT 1 AS one FROM taskhub_task{hint} WHERE {condition} LIMIT {int(most)}) AS q)"
            for condition, hint in ((self._line_is, self._line_hint), (self._waiting_is, ""))
        ]
        return int(self._value(f"SELECT {' + '.join(parts)}", [queue, queue]))

    _waiting_is: ClassVar[str] = "state IN ('pending', 'retrying') AND queue = %s"

    def front(self, line: Line) -> int:
        """Return the position of the first in a line; of the last who left it for a worker where it is empty, or 0."""
        first = "SELECT position FROM taskhub_task{} WHERE {} AND priority = %s ORDER BY {} LIMIT 1"
        if line.gate is not None:
            sql = first.format("", "waits_key = %s", "position, id")
            return self._value(sql, [line.gate, line.priority]) or 0
        sql = first.format(self._line_hint, self._line_is, "position, id")
        found = self._value(sql, [line.queue, line.priority])
        if found is None:
            sql = (
                "SELECT max(position) FROM taskhub_task "
                "WHERE state = 'running' AND worker_id IS NOT NULL AND queue = %s AND priority = %s"
            )
            found = self._value(sql, [line.queue, line.priority])
        return found or 0

    _line_hint: ClassVar[str] = ""
    # Ordered as the index is: PostgreSQL does not see that `waits_key IS NULL` leaves one value only.
    _last_turn: ClassVar[str] = (
        "SELECT position FROM taskhub_task WHERE {} ORDER BY waits_key DESC, position DESC LIMIT 1"
    )

    def last_turns(self, line: Line, keys: Sequence[str]) -> dict[str, int]:
        """Return the last position of each key in a line; keys that are not in it are left out."""
        turn_is, gate = self._turn_is, "waits_key IS NULL"
        common: list[Any] = [line.queue, line.priority]
        if line.gate is not None:
            turn_is, gate = self._gate_turn_is, "waits_key = %s"
            common.append(line.gate)
        probe = self._last_turn.format(f"{turn_is} AND queue = %s AND priority = %s AND {gate}")
        found: dict[str, int] = {}
        for start in range(0, len(keys), _PROBES_AT_ONCE):
            part = keys[start : start + _PROBES_AT_ONCE]
            with self.connection.cursor() as cursor:
                cursor.execute(
                    f"SELECT {', '.join([f'({probe})'] * len(part))}",
                    [value for key in part for value in (key, *common)],
                )
                turns = zip(part, cursor.fetchone(), strict=True)
            found |= {key: position for key, position in turns if position is not None}
        return found

    def _value(self, sql: str, params: Sequence[Any]) -> Any:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, list(params))
            row = cursor.fetchone()
        return None if row is None else row[0]
