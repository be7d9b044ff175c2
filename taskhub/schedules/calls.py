"""Calls: how a call of a task becomes the columns of a schedule, and a task again when it is due."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from taskhub import keys, registry
from taskhub.definition import TaskDefinition
from taskhub.errors import InvalidArguments, ScheduleError
from taskhub.models import Schedule
from taskhub.payload import normalize
from taskhub.policies import Overlap
from taskhub.signature import Signature

_OPTIONS = (
    "queue_name", "priority", "expires", "max_retries", "tags", "pool", "sensitive", "unique_for", "concurrency_limit",
    "rate_limit", *keys.SIZES,
)  # fmt: skip
_JSON_KINDS = {
    list: "JSON array", dict: "JSON object", str: "JSON string", bool: "JSON boolean", int: "JSON number",
    float: "JSON number",
}  # fmt: skip
_UNFIT = ("run_after", "countdown", "link", "link_error")  # of one moment, or of one call


def columns_of(call: Signature | TaskDefinition | str) -> dict[str, Any]:
    """Return the columns that say what a schedule calls: a signature, a task without arguments, or one by its name.

    Raises:
        ScheduleError: an option that a row cannot hold. UnknownTask: no task of this name.
    """
    signature = _signature(call)
    mine = signature.definition
    known = registry.find(mine.identifier) or mine
    for option in _UNFIT:
        if getattr(mine, option) != getattr(known, option):
            raise ScheduleError(
                f"{mine.identifier}: {option}={getattr(mine, option)!r:.100} cannot be scheduled; the schedule says "
                "when a task runs, and each of its calls stands alone."
            )
    differing = {
        option: _stored(mine, option)
        for option in _OPTIONS
        if getattr(mine, option) != getattr(known, option)
    }
    return {
        "task": mine.identifier,
        "args": _normalized(list(signature.args), "args"),
        "kwargs": _normalized(dict(signature.kwargs), "kwargs"),
        "options": {**mine.stored, **differing},
    }


def definition_of(schedule: Schedule, now: datetime) -> TaskDefinition:
    """Return the task of a schedule with the options of its calls, as they are to be enqueued now.

    Where its starts are spread, none comes after `end_at`; one that is late already starts at once.

    Raises:
        UnknownTask: this process does not have its code. InvalidOption, ScheduleError: bad options.
    """
    definition = registry.get(schedule.task).using(
        **{**_object(schedule, "options"), "enqueue_after": ""}
    )
    if schedule.overlap == Overlap.QUEUE_ONE:
        if definition.concurrency_key is not None:
            raise ScheduleError(
                f"overlap='queue_one' lets a task wait by a concurrency_key, and {schedule.task} has one of its own, "
                "which limits it already; choose another overlap.",
                field="overlap",
            )
        definition = definition.using(concurrency_key=slot_of(schedule), concurrency_limit=1)
    if schedule.jitter:
        left = (schedule.end_at - now).total_seconds() if schedule.end_at else schedule.jitter
        spread = max(0.0, min(schedule.jitter, left))
        definition = definition.using(countdown=random.uniform(0, spread))
    return definition


def arguments_of(schedule: Schedule) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of the calls.

    Raises:
        ScheduleError: they are no JSON array and object.
    """
    args: Any = schedule.args
    if not isinstance(args, list):
        raise ScheduleError(f"args is a {_json_kind(args)}: expected a JSON array.", field="args")
    return args, _object(schedule, "kwargs")


def normalized(schedule: Schedule) -> dict[str, Any]:
    """Return the columns of the call as JSON has them: tuples become lists and bytes text, as for `enqueue()`.

    Raises:
        ScheduleError: names the value that JSON, or a database, has no place for.
    """
    args, kwargs = arguments_of(schedule)
    values = {"args": args, "kwargs": kwargs, "options": _object(schedule, "options")}
    return {column: _normalized(value, column) for column, value in values.items()}


def slot_of(schedule: Schedule) -> str:
    """Return the concurrency key of a schedule whose tasks wait for each other."""
    return f"taskhub.schedule:{schedule.pk or 0}"


def _signature(call: Signature | TaskDefinition | str) -> Signature:
    if isinstance(call, str):
        call = registry.get(call)
    if isinstance(call, TaskDefinition):
        return call.s()
    if not isinstance(call, Signature):
        raise ScheduleError(
            f"{call!r:.100} cannot be scheduled; expected a signature such as send_email.s('a@example.com'), a task, "
            "or a task's name. (A workflow is enqueued by a task of its own.)"
        )
    return call


def _stored(definition: TaskDefinition, option: str) -> Any:
    value = getattr(definition, option)
    if isinstance(value, timedelta):
        value = value.total_seconds()
    return normalize(value, f"{definition.identifier}: {option}")


def _normalized(value: Any, column: str) -> Any:
    try:
        return normalize(value, column)
    except InvalidArguments as error:
        raise ScheduleError(str(error), field=column) from error


def _object(schedule: Schedule, column: str) -> dict[str, Any]:
    value = getattr(schedule, column)
    if not isinstance(value, dict):
        raise ScheduleError(
            f"{column} is a {_json_kind(value)}: expected a JSON object.", field=column
        )
    return value


def _json_kind(value: Any) -> str:
    """Return what a value is, and not the value: arguments are not for everybody who reads why it was refused."""
    return "JSON null" if value is None else _JSON_KINDS.get(type(value), type(value).__name__)
