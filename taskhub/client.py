"""The client: enqueue tasks by name, without importing their code, and read results by id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from taskhub import registry
from taskhub.backend import backend_alias
from taskhub.errors import InvalidArguments
from taskhub.results import AsyncResult, load


def send(name: str, payload: Mapping[str, Any] | None = None, /, **options: Any) -> AsyncResult:
    """Enqueue the task registered as `name` with `payload` as its keyword arguments and the options of `.using()`.

    Raises:
        UnknownTask: no such task. Else as `taskhub.queue.enqueue`.
    """
    kwargs = _payload(payload)
    definition = registry.get(name).using(**options)
    backend: Any = definition.get_backend()
    result: AsyncResult = backend.enqueue(definition, (), kwargs)  # an argument may be named `self`
    return result


def send_later(
    name: str, payload: Mapping[str, Any] | None, delay: float | timedelta, /, **options: Any
) -> AsyncResult:
    """Enqueue a task that runs `delay` (seconds or timedelta) from now; see `send`."""
    return send(name, payload, countdown=delay, **options)


def send_at(
    name: str, payload: Mapping[str, Any] | None, at: datetime, /, **options: Any
) -> AsyncResult:
    """Enqueue a task that runs at an aware datetime; see `send`."""
    return send(name, payload, run_after=at, **options)


def send_batch(
    name: str, payloads: Iterable[Mapping[str, Any]], /, **options: Any
) -> Sequence[AsyncResult]:
    """Enqueue one task for each payload, all or none; see `send`."""
    return (
        registry.get(name)
        .using(**options)
        .enqueue_many([((), _payload(payload)) for payload in payloads])
    )


def get_result(result_id: str) -> AsyncResult:
    """Read the result of any task by its id.

    Raises:
        TaskResultDoesNotExist: no such task.
    """
    return load(result_id, backend_alias())


def _payload(payload: Mapping[str, Any] | None) -> dict[str, Any]:
    if payload is not None and not isinstance(payload, Mapping):
        raise InvalidArguments(
            f"payload is {payload!r:.80}; expected a dict of the task's keyword arguments."
        )
    for key in payload or {}:
        if not isinstance(key, str):
            raise InvalidArguments(
                f"payload has the key {key!r} of type {type(key).__name__}: JSON keys are strings."
            )
    return dict(payload or {})
