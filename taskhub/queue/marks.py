"""Marks: the columns by which a task is limited, made of its definition and the arguments of one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from taskhub.engines.rows import NewTask
from taskhub.keys import SIZES, Call, fitted, unique_lock
from taskhub.states import Tie

if TYPE_CHECKING:
    from taskhub.definition import TaskDefinition


class Marks:
    """Marks rows of one definition that are born now."""

    __slots__ = ("_definition", "_until")

    def __init__(self, definition: TaskDefinition, now: datetime) -> None:
        self._definition = definition
        term = definition.unique_for
        delta = term if term is None or isinstance(term, timedelta) else timedelta(seconds=term)
        self._until = None if delta is None else now + delta

    def on(
        self, row: NewTask, args: Sequence[Any], kwargs: Mapping[str, Any], *, is_fed: bool
    ) -> NewTask:
        """Return the row with its keys.

        Raises:
            InvalidArguments: a key cannot be made of these arguments.
        """
        definition, ties = self._definition, row.ties
        call = Call(definition, args, kwargs, is_fed=is_fed)
        changes: dict[str, Any] = {}
        if definition.unique_key is not None and (key := call.key("unique_key")):
            lock = unique_lock(definition.identifier, key)
            changes |= {"unique_key": lock, "unique_lock": lock, "unique_until": self._until}
            ties |= Tie.UNIQUE_FOR if self._until else 0
        if definition.concurrency_key is not None and (key := call.key("concurrency_key")):
            changes["concurrency_key"] = fitted(key, SIZES["concurrency_key"])
            ties |= Tie.SLOT
        if definition.fair_key is not None and (key := call.key("fair_key")):
            changes["fair_key"] = fitted(key, SIZES["fair_key"])
        if definition.rate_limit is not None:
            ties |= Tie.RATE
        return row._replace(ties=int(ties), **changes)


def marker(definition: TaskDefinition, now: datetime) -> Callable[..., NewTask] | None:
    """Return what marks the rows of a definition; None where nothing limits its tasks."""
    is_free = (
        definition.unique_key is None
        and definition.concurrency_key is None
        and definition.fair_key is None
        and definition.rate_limit is None
    )
    return None if is_free else Marks(definition, now).on


def limits_of(definition: TaskDefinition) -> dict[str, Any]:
    """Return the limits that a row carries in its options, so that its gates can be made of it."""
    found: dict[str, Any] = {}
    if definition.concurrency_key is not None and definition.concurrency_limit != 1:
        found["concurrency_limit"] = definition.concurrency_limit
    if definition.rate_limit is not None:
        found["rate_limit"] = definition.rate_limit
    return found
