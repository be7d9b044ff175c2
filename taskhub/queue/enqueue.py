"""Enqueue: validate, then one INSERT; the wake-up leaves with the commit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.utils import DatabaseError, Error

from taskhub.definition import TaskDefinition
from taskhub.engines import Engine, get_engine
from taskhub.engines.base import OnSent
from taskhub.engines.rows import NewTask
from taskhub.errors import EnqueueFailed, InvalidArguments
from taskhub.models import TaskTag
from taskhub.queue.birth import Mould, new_row


def enqueue(definition: TaskDefinition, args: Any, kwargs: Any) -> tuple[int, NewTask]:
    """Enqueue one task; return its id and the row as it was born.

    Inside `transaction.atomic` the task exists if and only if that commits; workers are woken then.

    Raises:
        InvalidArguments, PayloadTooLarge, InvalidOption: nothing was written.
        EnqueueFailed: the database refused it; nothing was written, and the caller's transaction goes on.
    """
    row = new_row(definition, args, kwargs)
    engine = get_engine()
    try:
        if not definition.tags and not engine.connection.in_atomic_block:
            return engine.insert(row), row  # one statement is a transaction of its own
        with transaction.atomic(engine.alias):
            task_id = engine.insert(row)
            _insert_tags(engine, [task_id], definition.tags)
            return task_id, row
    except Error as error:
        raise _refused(engine, definition, error) from error


def enqueue_many(
    definition: TaskDefinition, calls: Iterable[tuple[Any, Any]], on_sent: OnSent | None = None
) -> tuple[list[int], list[NewTask]]:
    """Enqueue one task for each `(args, kwargs)`, all or none; return ids and rows in the order of the calls.

    `on_sent` gets the same, in parts and earlier: see `Engine.insert_many`.

    Raises:
        As `enqueue`; the message of a bad call begins with its index.
    """
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
    if not rows:
        return [], []
    engine = get_engine()
    try:
        with transaction.atomic(engine.alias):
            ids = engine.insert_many(rows, on_sent)
            _insert_tags(engine, ids, definition.tags)
            return ids, rows
    except Error as error:
        raise _refused(engine, definition, error) from error


def _insert_tags(engine: Engine, ids: Sequence[int], tags: Iterable[str]) -> None:
    names = dict.fromkeys(tags)
    if not names:
        return
    rows = [TaskTag(task_id=task_id, name=name) for task_id in ids for name in names]
    TaskTag.objects.using(engine.alias).bulk_create(rows, batch_size=1000)


def _refused(engine: Engine, definition: TaskDefinition, error: Error) -> EnqueueFailed:
    if (
        isinstance(error, DatabaseError) and "no such table" in str(error)
    ) or "does not exist" in str(error):
        hint = f" Has `manage.py migrate --database {engine.alias}` been run?"
    else:
        hint = ""
    return EnqueueFailed(
        f"The database {engine.alias!r} refused the task {definition.identifier}: {error}{hint}"
    )
