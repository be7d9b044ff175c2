"""The options of a task: their names, what they take, and which of them a row stores."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from inspect import isclass, isfunction
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.utils import timezone

from taskhub import keys, rates
from taskhub.errors import InvalidOption
from taskhub.text import is_storable

if TYPE_CHECKING:
    from taskhub.definition import TaskDefinition

POOLS = ("", "process", "thread", "async")
SEQUENCES = ("retry_on", "no_retry_on", "tags", "sensitive", "link", "link_error")
MAX_NAME, MAX_QUEUE, MAX_TAG, MAX_TAGS = 200, 100, 100, 50

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
_CALLBACKS = ("link", "link_error")
HOOKS = ("on_retry", "on_failure", "on_success")
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
    if option in _CALLBACKS and _is_signature(value):
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


def validate(definition: TaskDefinition) -> None:
    """Refuse a definition with a value that its option does not take.

    Raises:
        InvalidOption: names the task, the option, the value and what was expected.
    """
    for option, (is_good, expected) in _RULES.items():
        value = getattr(definition, option)
        if not is_good(value):
            raise InvalidOption(
                f"{definition.identifier}: {option}={value!r}; expected {expected}."
            )
    if definition.countdown is not None and definition.run_after is not None:
        raise InvalidOption(
            f"{definition.identifier}: countdown and run_after exclude each other; give one of them."
        )
    if definition.unique_for is not None and definition.unique_key is None:
        raise InvalidOption(
            f"{definition.identifier}: unique_for={definition.unique_for!r} keeps no key taken; give a unique_key, "
            "such as unique_key='{0}', beside it."
        )
    for option in keys.SIZES:
        keys.check_template(definition, option)


def _number(low: float, high: float = math.inf, *, whole: bool = False) -> Callable[[Any], bool]:
    kinds = int if whole else (int, float)
    return lambda value: (
        isinstance(value, kinds)
        and not isinstance(value, bool)
        and low <= value <= high
        and math.isfinite(value)
    )


def _text(limit: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and 0 < len(value) <= limit and is_storable(value)


def _seconds_or_delta(value: Any, low: float = 0) -> bool:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    return value is None or _number(low, 1e10)(value)


def _key(value: Any) -> bool:
    return value is None or callable(value) or _text(1000)(value)


def _aware(value: Any) -> bool:
    """Tell whether this is an aware datetime that is a date in any time zone."""
    return isinstance(value, datetime) and timezone.is_aware(value) and 1 < value.year < 9999


def _exceptions(value: Any) -> bool:
    return all(
        isinstance(item, str) or (isclass(item) and issubclass(item, BaseException))
        for item in value
    )


def _hook(value: Any) -> bool:
    return value is None or callable(value)


def _is_signature(value: Any) -> bool:
    return hasattr(value, "is_immutable") and hasattr(value, "definition")


def _signatures(value: Any) -> bool:
    return all(map(_is_signature, value))


def _bool(value: Any) -> bool:
    return isinstance(value, bool)


_Rule = tuple[Callable[[Any], bool], str]
_RULES: dict[str, _Rule] = {
    "identifier": (_text(MAX_NAME), f"a text of 1 to {MAX_NAME} characters, without NUL"),
    "queue_name": (_text(MAX_QUEUE), f"a text of 1 to {MAX_QUEUE} characters, without NUL"),
    "priority": (_number(-100, 100, whole=True), "a whole number from -100 to 100"),
    "run_after": (
        lambda v: v is None or _aware(v),
        "an aware datetime, such as django.utils.timezone.now()",
    ),
    "countdown": (_seconds_or_delta, "seconds or a timedelta, zero or more"),
    "expires": (
        lambda v: _aware(v) or _seconds_or_delta(v),
        "seconds, a timedelta or an aware datetime, such as django.utils.timezone.now()",
    ),
    "timeout": (_number(0.001, 1e8), "a number of seconds above zero"),
    "timeout_grace": (_number(0, 1e8), "a number of seconds, zero or more"),
    "max_retries": (_number(0, 10_000, whole=True), "a whole number from 0 to 10000"),
    "retry_delay": (_number(0, 1e8), "a number of seconds, zero or more"),
    "retry_backoff": (_number(1, 1000), "a factor from 1 to 1000"),
    "retry_max_delay": (_number(0, 1e8), "a number of seconds, zero or more"),
    "retry_jitter": (_number(0, 1), "a share from 0 to 1"),
    "retry_on": (_exceptions, "exception classes"),
    "no_retry_on": (_exceptions, "exception classes"),
    "on_worker_loss": (lambda value: value in ("retry", "fail"), "'retry' or 'fail'"),
    "max_worker_losses": (
        lambda v: v is None or _number(0, 1000, whole=True)(v),
        "a whole number from 0 to 1000",
    ),
    "weight": (_number(1e-6, 1e9), "a number above zero"),
    "result_ttl": (
        lambda v: v is None or _number(0.001, 1e8)(v),
        "a number of seconds above zero, or None: as long as the task",
    ),
    "tags": (
        lambda value: len(value) <= MAX_TAGS and all(map(_text(MAX_TAG), value)),
        f"at most {MAX_TAGS} strings of 1 to {MAX_TAG} characters",
    ),
    "pool": (lambda value: value in POOLS, "'process', 'thread' or 'async'"),
    "atomic": (_bool, "True or False"),
    "sensitive": (lambda value: all(map(_text(MAX_TAG), value)), "names of arguments"),
    "enqueue_after": (
        lambda v: v is None or v == "" or v in connections,
        "the alias of a database (settings.DATABASES), '' or None",
    ),
    "schedulable": (_bool, "True or False"),
    "takes_context": (_bool, "True or False"),
    **dict.fromkeys(
        keys.SIZES,
        (
            _key,
            "a format string over the arguments, such as '{0}:{user_id}', a function of them, or None",
        ),
    ),
    "unique_for": (
        lambda v: _seconds_or_delta(v, low=0.001),
        "seconds or a timedelta above zero, counted from the enqueue",
    ),
    "concurrency_limit": (_number(1, 1_000_000, whole=True), "a whole number from 1 to 1000000"),
    "rate_limit": (lambda v: v is None or rates.is_rate(v), rates.EXPECTED),
    **dict.fromkeys(_CALLBACKS, (_signatures, "signatures, such as task.s(…) makes")),
    **dict.fromkeys(HOOKS, (_hook, "a function, called in the worker; or None")),
}
