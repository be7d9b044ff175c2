"""The definition that belongs to a row: the registered one as the row was enqueued, or a stand-in for unknown code."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from taskhub import compat, registry
from taskhub.definition import TaskDefinition
from taskhub.errors import TaskhubError, UnknownTask
from taskhub.models import Task


def definition_for(task: Task, backend: str) -> compat.Task[Any, Any]:
    """Return the definition of a task's row with the options that it was enqueued with.

    Where this process does not have the code, an UnknownDefinition takes its place, so that results can be read.
    """
    known = registry.find(task.name) or UnknownDefinition(
        func=unknown, identifier=task.name, name=task.name
    )
    columns = {
        "queue_name": task.queue, "priority": task.priority, "run_after": task.run_after,
        "max_retries": task.max_retries, "backend": backend,
    }  # fmt: skip
    for stored in (task.options, None) if task.options else (None,):
        try:
            return known.as_stored(stored or {}, **columns)
        except (TaskhubError, compat.InvalidTask, TypeError):
            continue  # options damaged by hand, or a queue that the settings no longer declare
    return known


class UnknownDefinition(TaskDefinition):
    """Stands for a task whose code this process does not have: it can be looked at, not run."""

    __slots__ = ()

    @property
    def module_path(self) -> str:
        return self.identifier

    def _check_in(self) -> None:
        """Nobody runs it here: no backend needs to accept it, and it is not registered."""

    def __reduce__(self) -> Any:
        return _stand_in, ({f.name: getattr(self, f.name) for f in fields(self)},)


def _stand_in(values: dict[str, Any]) -> UnknownDefinition:
    return UnknownDefinition(**values)


def unknown(*args: Any, **kwargs: Any) -> None:
    """Stand in for a function that is not here."""
    raise UnknownTask("This process does not have the code of this task.")
