"""Enqueue: validate, then one INSERT; the wake-up leaves with the commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import transaction
from django.db.utils import DatabaseError, Error
from django.utils import timezone

from taskhub import conf
from taskhub.definition import TaskDefinition
from taskhub.engines import Engine, get_engine
from taskhub.engines.rows import NewTask
from taskhub.errors import EnqueueFailed, InvalidArguments, InvalidOption, PayloadTooLarge
from taskhub.models import TaskTag
from taskhub.payload import dump, normalize
from taskhub.states import TaskState, WaitsFor

T = TypeVar("T")


def enqueue(definition: TaskDefinition, args: Any, kwargs: Any) -> tuple[int, NewTask]:
    """Enqueue one task; return its id and the row as it was born.

    Inside `transaction.atomic` the task exists if and only if that commits; workers are woken then.

    Raises:
        InvalidArguments, PayloadTooLarge, InvalidOption: nothing was written.
        EnqueueFailed: the database refused it; nothing was written, and the caller's transaction goes on.
    """
    row = new_row(definition, args, kwargs)
    engine = get_engine()
    tags = definition.tags

    def write() -> int:
        task_id = engine.insert(row)
        if tags:
            _insert_tags(engine, [task_id], tags)
        return task_id

    return _guarded(engine, write, needs_transaction=bool(tags), of=definition.identifier), row


def enqueue_many(
    definition: TaskDefinition, calls: Iterable[tuple[Any, Any]]
) -> tuple[list[int], list[NewTask]]:
    """Enqueue one task for each `(args, kwargs)`, all or none; return ids and rows in the order of the calls.

    Raises:
        As `enqueue`; the message of a bad call begins with its index.
    """
    engine = get_engine()
    rows = []
    for index, call in enumerate(calls):
        try:
            args, kwargs = call
            rows.append(new_row(definition, args, kwargs))
        except (TypeError, ValueError) as error:
            if isinstance(error, InvalidArguments):
                raise type(error)(f"call {index}: {error}") from error
            raise InvalidArguments(
                f"call {index} is {call!r:.80}; expected a pair (args, kwargs)."
            ) from error
    if not rows:
        return [], []

    def write() -> list[int]:
        ids = engine.insert_many(rows)
        if definition.tags:
            _insert_tags(engine, ids, definition.tags)
        return ids

    return _guarded(engine, write, needs_transaction=True, of=definition.identifier), rows


def new_row(definition: TaskDefinition, args: Any, kwargs: Any) -> NewTask:
    """Build the row of a task that is to be born now.

    Raises:
        InvalidArguments, PayloadTooLarge, InvalidOption.
    """
    now = timezone.now()
    run_after = _due(definition, now)
    if not isinstance(args, list | tuple):
        raise InvalidArguments(f"args is {args!r:.80}; expected a list or a tuple.")
    if not isinstance(kwargs, dict):
        raise InvalidArguments(f"kwargs is {kwargs!r:.80}; expected a dict.")
    args_text, kwargs_text = dump(normalize(args, "args")), dump(normalize(kwargs, "kwargs"))
    limit = conf.get().max_payload_bytes
    if (len(args_text) + len(kwargs_text)) * 4 > limit:  # a character has at most four bytes
        size = len(args_text.encode()) + len(kwargs_text.encode())
        if size > limit:
            raise PayloadTooLarge(
                f"The arguments of {definition.identifier} take {size} bytes as JSON; the limit is {limit} "
                "(settings.TASKHUB['MAX_PAYLOAD_BYTES']). Store large data elsewhere and pass a key to it."
            )
    return NewTask(
        name=definition.identifier,
        queue=definition.queue_name,
        priority=definition.priority,
        state=TaskState.PENDING.value if run_after else TaskState.QUEUED.value,
        waits_for=WaitsFor.TIME.value if run_after else WaitsFor.NOTHING.value,
        args=args_text,
        kwargs=kwargs_text,
        options=dump(dict(definition.stored)) if definition.stored else None,
        masked=dump(list(definition.sensitive)) if definition.sensitive else None,
        pool=definition.pool,
        run_after=run_after,
        expires_at=_expiry(definition, now, run_after),
        enqueued_at=now,
        max_retries=definition.max_retries,
        position=0,
        unmet=0,
        unique_lock=None,
    )


def _due(definition: TaskDefinition, now: datetime) -> datetime | None:
    if definition.countdown is not None:
        due = now + _delta(definition.countdown)
    elif definition.run_after is not None:
        due = definition.run_after
    else:
        return None
    return due if due > now else None  # the past means now


def _expiry(
    definition: TaskDefinition, now: datetime, run_after: datetime | None
) -> datetime | None:
    expires = definition.expires
    if expires is None:
        return None
    at = expires if isinstance(expires, datetime) else now + _delta(expires)
    earliest = run_after or now
    if at <= earliest:
        raise InvalidOption(
            f"{definition.identifier}: expires={expires!r} is {at.isoformat()}, which is not after "
            f"{'run_after' if run_after else 'now'} ({earliest.isoformat()}): the task could never start."
        )
    return at


def _delta(value: float | timedelta) -> timedelta:
    return value if isinstance(value, timedelta) else timedelta(seconds=value)


def _insert_tags(engine: Engine, ids: Sequence[int], tags: Iterable[str]) -> None:
    names = dict.fromkeys(tags)
    rows = [TaskTag(task_id=task_id, name=name) for task_id in ids for name in names]
    TaskTag.objects.using(engine.alias).bulk_create(rows, batch_size=1000)


def _guarded(engine: Engine, write: Callable[[], T], *, needs_transaction: bool, of: str) -> T:
    """Write in a savepoint of the caller's transaction, or in one of our own where there are several statements."""
    needs_transaction = needs_transaction or engine.connection.in_atomic_block
    scope: AbstractContextManager[Any] = (
        transaction.atomic(engine.alias) if needs_transaction else nullcontext()
    )
    try:
        with scope:
            return write()
    except Error as error:
        if (
            isinstance(error, DatabaseError) and "no such table" in str(error)
        ) or "does not exist" in str(error):
            hint = f" Has `manage.py migrate --database {engine.alias}` been run?"
        else:
            hint = ""
        raise EnqueueFailed(
            f"The database {engine.alias!r} refused the task {of}: {error}{hint}"
        ) from error
