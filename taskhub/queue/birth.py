"""Birth: the row that a task begins with, made of its definition and the arguments of one call."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from taskhub import conf
from taskhub.definition import TaskDefinition
from taskhub.engines.rows import NewTask
from taskhub.errors import InvalidArguments, InvalidOption, PayloadTooLarge
from taskhub.payload import dump, normalize
from taskhub.queue.marks import limits_of, marker
from taskhub.states import TaskState, WaitsFor

# State and waits_for. Members of an Enum are slow to look up on Python 3.11.
_NOW = (TaskState.QUEUED.value, WaitsFor.NOTHING.value)
_LATER = (TaskState.PENDING.value, WaitsFor.TIME.value)


class Mould:
    """Makes rows of one definition, to be born now. What they have in common is worked out once.

    Raises:
        InvalidOption: the definition's times contradict each other now.
    """

    __slots__ = ("_after", "_before", "_limit", "_mark", "_name")

    def __init__(self, definition: TaskDefinition) -> None:
        now = timezone.now()
        run_after = _due(definition, now)
        self._mark = marker(definition, now)
        options = (
            {**definition.stored, **limits_of(definition)} if self._mark else definition.stored
        )
        # Before and after the arguments, in the order of NewTask.
        self._before = (
            definition.identifier, definition.queue_name, definition.priority, *(_LATER if run_after else _NOW),
        )  # fmt: skip
        self._after = (
            dump(dict(options)) if options else None,
            dump(list(definition.sensitive)) if definition.sensitive else None,
            definition.pool, run_after, _expiry(definition, now, run_after), now, definition.max_retries, 0, 0, None,
            *((0, definition.parent_id) if definition.parent_id else ()),
        )  # fmt: skip
        self._name, self._limit = definition.identifier, conf.get().max_payload_bytes

    def row(self, args: Any, kwargs: Any, *, is_fed: bool = False) -> NewTask:
        """Build the row of one call; `is_fed`: a task before it gives it one more argument, its first.

        Raises:
            InvalidArguments, PayloadTooLarge.
        """
        if not isinstance(args, (list, tuple)):
            raise InvalidArguments(f"args is {args!r:.80}; expected a list or a tuple.")
        if not isinstance(kwargs, dict):
            raise InvalidArguments(f"kwargs is {kwargs!r:.80}; expected a dict.")
        args_text = dump(args := normalize(args, "args")) if args else "[]"
        kwargs_text = dump(kwargs := normalize(kwargs, "kwargs")) if kwargs else "{}"
        # A character has at most four bytes: most are known to fit without being encoded.
        if (len(args_text) + len(kwargs_text)) * 4 > self._limit:
            self._check_size(len(args_text.encode()) + len(kwargs_text.encode()))
        row = NewTask(*self._before, args_text, kwargs_text, *self._after)
        return row if self._mark is None else self._mark(row, args, kwargs, is_fed=is_fed)

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise PayloadTooLarge(
                f"The arguments of {self._name} take {size} bytes as JSON; the limit is {self._limit} "
                "(settings.TASKHUB['MAX_PAYLOAD_BYTES']). Store large data elsewhere and pass a key to it."
            )


def new_row(definition: TaskDefinition, args: Any, kwargs: Any) -> NewTask:
    """Build the row of a task that is to be born now.

    Raises:
        InvalidArguments, PayloadTooLarge, InvalidOption.
    """
    return Mould(definition).row(args, kwargs)


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
