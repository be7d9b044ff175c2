"""Enqueue: validate, then one INSERT; the wake-up leaves with the commit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from django.db.utils import DatabaseError, Error

from taskhub.definition import TaskDefinition
from taskhub.engines import Engine, get_engine
from taskhub.engines.rows import NewTask
from taskhub.errors import EnqueueFailed, InvalidArguments
from taskhub.queue.birth import Mould, new_row
from taskhub.queue.insertion import insert
from taskhub.queue.quota import check_room
from taskhub.queue.unique import insert_unique
from taskhub.trying import trying_again


def enqueue(definition: TaskDefinition, args: Any, kwargs: Any) -> tuple[int, NewTask | None]:
    """Enqueue one task; return its id and the row as it was born.

    Inside `transaction.atomic` the task exists if and only if that commits; workers are woken then. Where a live task
    has its unique key, nothing is written: the id is that task's, and there is no row.

    Raises:
        InvalidArguments, PayloadTooLarge, InvalidOption: nothing was written.
        DuplicateTask: another transaction, which has not ended, has inserted its unique key.
        QueueFull: as many tasks wait in the queue as its `max_size` allows.
        EnqueueFailed: the database refused it; nothing was written, and the caller's transaction goes on.
    """
    row = new_row(definition, args, kwargs)
    engine = get_engine()
    is_inside = engine.connection.in_atomic_block
    try:
        if row.unique_lock is not None:
            return insert_unique(engine, [row], definition.tags)[0]
        check_room(engine, (row.queue,))
        if not (definition.tags or is_inside or row.ties or row.fair_key):
            return engine.insert(row), row  # one statement is a transaction of its own
        [task_id], [row] = _insert(engine, [row], definition, is_inside=is_inside)
        return task_id, row
    except Error as error:
        raise refused(engine, f"the task {definition.identifier}", error) from error


def enqueue_many(
    definition: TaskDefinition, calls: Iterable[tuple[Any, Any]]
) -> tuple[list[int], Sequence[NewTask | None]]:
    """Enqueue one task for each `(args, kwargs)`, all or none; return ids and rows in the order of the calls.

    A call whose unique key is taken, by a live task or by a call before it, gives that task's id and no row.

    Raises:
        As `enqueue`; the message of a bad call begins with its index.
    """
    rows = rows_of(definition, calls)
    if not rows:
        return [], []
    engine = get_engine()
    is_inside = engine.connection.in_atomic_block
    try:
        if definition.unique_key is not None:
            found = insert_unique(engine, rows, definition.tags)
            return [task_id for task_id, _ in found], [row for _, row in found]
        check_room(engine, (row.queue for row in rows))
        return _insert(engine, rows, definition, is_inside=is_inside)
    except Error as error:
        raise refused(engine, f"the task {definition.identifier}", error) from error


def rows_of(definition: TaskDefinition, calls: Iterable[tuple[Any, Any]]) -> list[NewTask]:
    mould = Mould(definition)
    rows = []
    for index, call in enumerate(calls):
        try:
            args, kwargs = call
            rows.append(mould.row(args, kwargs))
        except (TypeError, ValueError) as error:
            if isinstance(error, InvalidArguments):
                raise type(error)(f"call {index}: {error}") from error
            raise InvalidArguments(
                f"call {index} is {call!r:.80}; expected a pair (args, kwargs)."
            ) from error
    return rows


def _insert(
    engine: Engine,
    rows: Sequence[NewTask],
    definition: TaskDefinition,
    *,
    is_inside: bool,
) -> tuple[list[int], Sequence[NewTask]]:
    """Insert tasks; where that takes locks of gates, a deadlock is tried again."""
    act = partial(insert, engine, rows, definition.tags, is_inside=is_inside)
    if definition.concurrency_key is None and definition.rate_limit is None:
        return act()
    return trying_again(act, engine)


def refused(engine: Engine, what: str, error: Error) -> EnqueueFailed:
    """Return the error that says what the database refused, and what to do about it where that is known."""
    if (
        isinstance(error, DatabaseError) and "no such table" in str(error)
    ) or "does not exist" in str(error):
        hint = f" Has `manage.py migrate --database {engine.alias}` been run?"
    else:
        hint = ""
    return EnqueueFailed(f"The database {engine.alias!r} refused {what}: {error}{hint}")
