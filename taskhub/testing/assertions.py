"""Assertions: what was enqueued in this test, and with what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from taskhub import registry
from taskhub.backend import backend_alias
from taskhub.definition import TaskDefinition
from taskhub.models import Task
from taskhub.monitor import tasks
from taskhub.payload import normalize
from taskhub.results import AsyncResult, of_rows
from taskhub.states import TaskState

_NEARLY = timedelta(seconds=2)  # how far run_after may lie off: a countdown began a moment ago
_SHOWN = 20


def enqueued(
    task: TaskDefinition | str | None = None,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    queue_name: str | None = None,
    priority: int | None = None,
    run_after: datetime | None = None,
    tags: Iterable[str] | None = None,
    state: TaskState | str | None = None,
) -> list[AsyncResult]:
    """Return what was enqueued and is as given, oldest first; what is not given may be anything.

    In Django's TestCase that is all that this test has enqueued, whatever has become of it: `state` says which state it
    must be in now. `run_after` may lie off by two seconds; `tags` are those that it must have.

    Raises:
        UnknownTask: no task is registered under this name.
    """
    chosen = tasks()
    if task is not None:
        known = registry.get(task) if isinstance(task, str) else task
        chosen = chosen.filter(name=known.identifier)
    if queue_name is not None:
        chosen = chosen.filter(queue=queue_name)
    if priority is not None:
        chosen = chosen.filter(priority=priority)
    if run_after is not None:
        chosen = chosen.filter(run_after__range=(run_after - _NEARLY, run_after + _NEARLY))
    if state is not None:
        chosen = chosen.filter(state=TaskState(state))
    for tag in tags or ():
        chosen = chosen.filter(tags__name=tag)
    wanted_args = None if args is None else normalize(list(args), "args")
    wanted_kwargs = None if kwargs is None else normalize(dict(kwargs), "kwargs")
    rows = chosen.order_by("id").select_related("progress", "worker").prefetch_related("results")
    return [
        of_rows(row, row.results.all(), backend_alias())
        for row in rows
        if wanted_args in (None, row.args) and wanted_kwargs in (None, row.kwargs)
    ]


def assert_enqueued(
    task: TaskDefinition | str | None = None, *, count: int | None = None, **given: Any
) -> list[AsyncResult]:
    """Fail unless tasks like this were enqueued: `count` of them, or at least one; return their results.

    See `enqueued` for what may be given.
    """
    found = enqueued(task, **given)
    if (len(found) != count) if count is not None else not found:
        expected = "at least one" if count is None else str(count)
        raise AssertionError(
            f"{expected} {_words(task, given)} expected, {len(found)} enqueued.{_others()}"
        )
    return found


def refute_enqueued(task: TaskDefinition | str | None = None, **given: Any) -> None:
    """Fail if a task like this was enqueued; see `enqueued` for what may be given."""
    if found := enqueued(task, **given):
        raise AssertionError(
            f"no {_words(task, given)} expected, {len(found)} enqueued.{_others()}"
        )


def _words(task: TaskDefinition | str | None, given: Mapping[str, Any]) -> str:
    name = getattr(task, "identifier", task) or "task"
    conditions = ", ".join(f"{key}={value!r}" for key, value in given.items())
    return f"{name} with {conditions}" if conditions else str(name)


def _others() -> str:
    """List what is there, for whoever reads why a test failed."""
    rows = list(tasks().order_by("id")[: _SHOWN + 1])
    if not rows:
        return " Nothing is enqueued at all."
    lines = [_line(row) for row in rows[:_SHOWN]] + (["…"] if len(rows) > _SHOWN else [])
    return " There are:\n  " + "\n  ".join(lines)


def _line(row: Task) -> str:
    call = f"args={row.args!r} kwargs={row.kwargs!r}"
    return f"{row.name} {call} queue_name={row.queue!r} {row.state}"
