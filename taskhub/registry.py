"""Name → definition: the tasks that this process can run."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from taskhub import conf
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


def load() -> None:
    """Import the task modules of all installed apps (`TASKHUB["TASK_MODULES"]`), once."""
    global _is_loaded
    if not _is_loaded:
        from django.utils.module_loading import autodiscover_modules

        autodiscover_modules(*conf.get().task_modules)
        _is_loaded = True


def find(identifier: str) -> TaskDefinition | None:
    """Return the definition registered under `identifier`; imports the task modules when it is not there yet."""
    if identifier not in _definitions:
        load()
    return _definitions.get(identifier)


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
            f"No task is registered as {identifier!r}.{hint} Tasks are found in the modules {', '.join(conf.get().task_modules)} "
            "of the apps in INSTALLED_APPS (settings.TASKHUB['TASK_MODULES'])."
        )
    return found


def all_definitions() -> Iterator[TaskDefinition]:
    """Yield every registered definition, by identifier; imports the task modules first."""
    load()
    yield from (_definitions[key] for key in sorted(_definitions))
