"""Option rules: which values each option of a task takes, and what is said of others."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from inspect import isclass
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.utils import timezone

from taskhub import keys, rates
from taskhub.errors import InvalidOption
from taskhub.text import is_storable

if TYPE_CHECKING:
    from taskhub.definition import TaskDefinition

POOLS = ("", "process", "thread", "async")
CALLBACKS = ("link", "link_error")
HOOKS = ("on_retry", "on_failure", "on_success")
MAX_NAME, MAX_QUEUE, MAX_TAG, MAX_TAGS = 200, 100, 100, 50


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


def is_signature(value: Any) -> bool:
    return hasattr(value, "is_immutable") and hasattr(value, "definition")


def _signatures(value: Any) -> bool:
    return all(map(is_signature, value))


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
    **dict.fromkeys(CALLBACKS, (_signatures, "signatures, such as task.s(…) makes")),
    **dict.fromkeys(HOOKS, (_hook, "a function, called in the worker; or None")),
}
