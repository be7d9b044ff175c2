"""Handlers: functions, closures and objects that this process alone can run, known by the name that they were given.

A row holds the name only. What stands behind it is looked up here when it runs, so anything callable will do.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import isclass, iscoroutinefunction
from typing import TYPE_CHECKING, Any

from taskhub import options, registry
from taskhub.definition import TaskDefinition
from taskhub.errors import InvalidOption
from taskhub.run import current_run

if TYPE_CHECKING:
    from taskhub.results import AsyncResult


class HandlerDefinition(TaskDefinition):
    """Of a handler, which has a name and no path."""

    __slots__ = ()

    @property
    def module_path(self) -> str:
        return self.identifier


@dataclass(frozen=True, slots=True)
class _Handler:
    call: Callable[..., Any]
    hooks: Mapping[str, Callable[..., Any]]


class Handlers:
    """Those of one TaskSystem, and gone with it. A name means those of the system that runs, else the last ones."""

    def __init__(self) -> None:
        self.is_at_work = False
        self._handlers: dict[str, _Handler] = {}
        self._definitions: dict[str, TaskDefinition] = {}
        weakref.finalize(self, _forget, self._definitions).atexit = False

    def __getitem__(self, name: str) -> _Handler:
        return self._handlers[name]

    def register(self, name: str, handler: Any, given: dict[str, Any]) -> None:
        """Make a handler known under a name, in the place of an earlier one.

        A handler is a function, or an object (or a class of such) with `execute(context, **payload)`; its methods
        `on_retry`, `on_failure` and `on_success` are hooks. `given` are options of a task.

        Raises:
            InvalidOption: it is neither, the name is taken, or an option is bad.
        """
        made = _handler(name, handler() if isclass(handler) else handler)
        self._refuse_taken(name)
        options.check_names(given, name, at_definition=True)
        if hasattr(handler, "execute"):
            given = {"takes_context": True, **given}
        kind = (iscoroutinefunction(made.call), bool(given.get("takes_context")))
        hooks = {hook: _HOOKS[hook] for hook in made.hooks}
        definition = HandlerDefinition(func=_RUNNERS[kind], name=name, **{**given, **hooks})
        self._handlers[name], self._definitions[name] = made, definition
        self._publish(name)

    def publish(self) -> None:
        """Make all of them the ones that their names mean, as they were when they were registered.

        Raises:
            InvalidOption: a name has been taken meanwhile.
        """
        for name in self._definitions:
            self._refuse_taken(name)
            self._publish(name)

    def _publish(self, name: str) -> None:
        _owners[name] = self
        registry.register(self._definitions[name])

    def _refuse_taken(self, name: str) -> None:
        known, owner = registry.find(name), _owners.get(name)
        if known is not None and not isinstance(known, HandlerDefinition):
            whose = f"the task {known.module_path}"
        elif owner is not None and owner is not self and owner.is_at_work:
            whose = "a handler of the TaskSystem that is running"
        else:
            return
        raise InvalidOption(f"The name {name!r} is taken by {whose}; give the handler another one.")


_owners: weakref.WeakValueDictionary[str, Handlers] = weakref.WeakValueDictionary()


def _forget(definitions: dict[str, TaskDefinition]) -> None:
    """Take the names back of handlers that are gone."""
    for name, definition in definitions.items():
        registry.forget(name, definition)


def _handler(name: str, handler: Any) -> _Handler:
    execute = getattr(handler, "execute", None)
    if callable(execute):
        return _Handler(execute, {n: getattr(handler, n) for n in _HOOKS if hasattr(handler, n)})
    if callable(handler):
        return _Handler(handler, {})
    raise InvalidOption(
        f"The handler {name!r} is {handler!r:.100}; expected a function, or an object with execute(context, **payload)."
    )


def _current() -> _Handler:
    run = current_run.get()
    owner = _owners.get(run.definition.identifier) if run is not None else None
    if run is None or owner is None:
        raise LookupError(
            "A handler runs in the TaskSystem that has it: submit it there, or call your function itself."
        )
    return owner[run.definition.identifier]


def run_handler(*args: Any, **payload: Any) -> Any:
    """Run the handler of a task, in its process."""
    return _current().call(*args, **payload)


def run_handler_with_context(context: Any, *args: Any, **payload: Any) -> Any:
    """Run the handler of a task that takes the context: django.tasks looks for it by its name."""
    return _current().call(context, *args, **payload)


async def arun_handler(*args: Any, **payload: Any) -> Any:
    """Run the handler of a task that is a coroutine."""
    return await _current().call(*args, **payload)


async def arun_handler_with_context(context: Any, *args: Any, **payload: Any) -> Any:
    """Run the handler of a task that is a coroutine and takes the context."""
    return await _current().call(context, *args, **payload)


# By whether it is a coroutine and takes the context.
_RUNNERS: dict[tuple[bool, bool], Callable[..., Any]] = {
    (False, False): run_handler,
    (False, True): run_handler_with_context,
    (True, False): arun_handler,
    (True, True): arun_handler_with_context,
}


def _on_retry(result: AsyncResult, error: BaseException) -> Any:
    return _current().hooks["on_retry"](result, error)


def _on_failure(result: AsyncResult, error: BaseException) -> Any:
    return _current().hooks["on_failure"](result, error)


def _on_success(result: AsyncResult) -> Any:
    return _current().hooks["on_success"](result)


_HOOKS = {"on_retry": _on_retry, "on_failure": _on_failure, "on_success": _on_success}
