"""Name → definition: the tasks that this process can run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from taskhub import compat, conf
from taskhub.errors import InvalidOption, UnknownTask

if TYPE_CHECKING:
    from taskhub.definition import TaskDefinition

_definitions: dict[str, TaskDefinition] = {}
_is_loaded = False


def register(definition: TaskDefinition) -> None:
    """Make a task known under its identifier; the same function may be registered again (module reload).

    Raises:
        InvalidOption: another function holds the identifier already.
    """
    known = _definitions.get(definition.identifier)
    if known is not None and known.module_path != definition.module_path:
        raise InvalidOption(
            f"Two tasks are named {definition.identifier!r}: {known.module_path} and {definition.module_path}. "
            "Give one of them another name in @task(name=…)."
        )
    _definitions[definition.identifier] = definition


def register_new(definition: TaskDefinition) -> None:
    """Register a task that only `@task` of django.tasks has seen; a copy made by `using()` changes nothing."""
    known = _definitions.get(definition.identifier)
    if known is None or known.func is not definition.func:
        register(definition)


def forget(identifier: str, definition: TaskDefinition) -> None:
    """Make a task unknown again, if this is its definition."""
    if _definitions.get(identifier) is definition:
        del _definitions[identifier]


def load() -> None:
    """Import the task modules of all installed apps (`TASKHUB["TASK_MODULES"]`), once."""
    global _is_loaded
    if not _is_loaded:
        from django.utils.module_loading import autodiscover_modules

        autodiscover_modules(*conf.get().task_modules)
        _is_loaded = True


def find(identifier: str) -> TaskDefinition | None:
    """Return the definition registered under `identifier`; imports the task modules when it is not there yet."""
    found = _definitions.get(identifier) or _adopted(identifier)
    if found is None and not _is_loaded:
        load()
        found = _definitions.get(identifier) or _adopted(identifier)
    return found


def _adopted(identifier: str) -> TaskDefinition | None:
    """Return a definition of a plain task of django.tasks, as `@task` makes it where another backend is the default.

    Looks in modules that are loaded; nothing is imported because a row names it.
    """
    from taskhub.definition import TaskDefinition

    module, _, name = identifier.rpartition(".")
    found = vars(sys.modules[module]).get(name) if module in sys.modules else None
    if not isinstance(found, compat.Task) or isinstance(found, TaskDefinition):
        return None
    return TaskDefinition(
        func=found.func, priority=found.priority, backend=found.backend,
        queue_name=found.queue_name, takes_context=found.takes_context,
    )  # fmt: skip


def get(identifier: Any) -> TaskDefinition:
    """Return the definition registered under `identifier`.

    Raises:
        UnknownTask: names the closest known ones.
    """
    found = find(identifier) if isinstance(identifier, str) else None
    if found is None:
        close = get_close_matches(str(identifier), _definitions, n=3)
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise UnknownTask(
            f"No task is registered as {identifier!r}.{hint} Tasks are found in the modules "
            f"{', '.join(conf.get().task_modules)} of the apps in INSTALLED_APPS (settings.TASKHUB['TASK_MODULES'])."
        )
    return found


def all_definitions() -> Iterator[TaskDefinition]:
    """Yield every registered definition, by identifier; imports the task modules first."""
    load()
    yield from (_definitions[key] for key in sorted(_definitions))
