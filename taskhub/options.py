"""The options of a task: their names, where each may be given, and which of them a row stores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from inspect import isclass, isfunction
from typing import Any

from taskhub import keys
from taskhub.errors import InvalidOption
from taskhub.option_rules import CALLBACKS, HOOKS, is_signature

SEQUENCES = ("retry_on", "no_retry_on", "tags", "sensitive", "link", "link_error")

_PLACE = {"queue_name", "priority", "run_after", "countdown", "backend", "takes_context", "expires"}
_STORED = {  # what differs from the definition is kept in the row's `options`
    "timeout",
    "timeout_grace",
    "retry_delay",
    "retry_backoff",
    "retry_max_delay",
    "retry_jitter",
    "retry_on",
    "no_retry_on",
    "on_worker_loss",
    "max_worker_losses",
    "atomic",
    "result_ttl",
    "weight",
}
_OTHER = {
    "enqueue_after",
    "max_retries",
    "tags",
    "pool",
    "sensitive",
    "schedulable",
    "link",
    "link_error",
}
_LIMITS = {"unique_for", "concurrency_limit", "rate_limit", *keys.SIZES}
USABLE = _PLACE | _STORED | _OTHER | _LIMITS
DEFINABLE = (USABLE | {"name", "schedule", *HOOKS}) - {"run_after"}


def check_limit(given: Mapping[str, Any], of: str, key: keys.Key | None = None) -> None:
    """Refuse a limit that would limit nothing; `key` is the concurrency_key of the task where none is given."""
    if "concurrency_limit" in given and given.get("concurrency_key", key) is None:
        raise InvalidOption(
            f"{of}: concurrency_limit={given['concurrency_limit']!r} limits nothing without a concurrency_key; give "
            "one, such as concurrency_key='{0}', beside it."
        )


def check_names(given: Mapping[str, Any], of: str, *, at_definition: bool = False) -> None:
    """Refuse options that do not exist, or that this place does not take."""
    allowed = DEFINABLE if at_definition else USABLE
    if at_definition:
        check_limit(given, of)
    for option in given:
        if option in allowed:
            continue
        if option == "run_after":
            raise InvalidOption(
                f"{of}: run_after cannot be fixed in the decorator. Use .using(run_after=…) when you enqueue."
            )
        if option == "name":
            raise InvalidOption(
                f"{of}: a task's name is given once, in @task(name=…); .using() cannot change it."
            )
        if option == "schedule":
            raise InvalidOption(
                f"{of}: a schedule is declared once, in @task(schedule=…). Use taskhub.schedules for others."
            )
        if option in HOOKS:
            raise InvalidOption(
                f"{of}: {option} is given in @task({option}=…); .using() cannot change it, for a function cannot be "
                "stored with the task."
            )
        close = get_close_matches(option, allowed, n=1)
        hint = (
            f"did you mean {close[0]!r}?"
            if close
            else f"known options: {', '.join(sorted(allowed))}."
        )
        raise InvalidOption(f"{of}: unknown option {option!r}; {hint}")


def as_tuple(option: str, value: Any) -> tuple[Any, ...]:
    """Return a list option as a tuple; one exception class may stand for a tuple of one."""
    if isclass(value) and issubclass(value, BaseException):
        return (value,)
    if option in CALLBACKS and is_signature(value):
        return (value,)
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidOption(f"{option}={value!r}: expected a list, got a {type(value).__name__}.")
    return tuple(value)


def to_store(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of `changes` a row's `options` must carry, as JSON values."""
    stored = {option: changes[option] for option in changes if option in _STORED}
    for option in ("retry_on", "no_retry_on"):
        if option in stored:
            stored[option] = [path(item) for item in as_tuple(option, stored[option])]
    return stored


def path(item: type[BaseException] | str) -> str:
    """Return the dotted path of an exception class (or the path itself)."""
    return item if isinstance(item, str) else f"{item.__module__}.{item.__qualname__}"


def matches(error: BaseException, kinds: Iterable[type[BaseException] | str]) -> bool:
    """Tell whether `error` is of one of the kinds, given as classes or as dotted paths; imports nothing."""
    paths = {path(cls) for cls in type(error).__mro__}
    return any(path(kind) in paths for kind in kinds)


def check_function(function: Any) -> None:
    """Refuse what a worker could not find by its name."""
    if not isfunction(function):
        what = f"{function!r:.100} is a {type(function).__name__}"
    elif function.__name__ == "<lambda>" or "<locals>" in function.__qualname__:
        what = f"{function.__module__}.{function.__qualname__} is a lambda or a nested function"
    else:
        return
    raise InvalidOption(
        f"{what}, which a worker could not find by its name; "
        "expected a function defined at the top level (module level) of a module."
    )
