"""Testing: run what was enqueued without a worker, inside a test's own transaction, and say what was enqueued.

The names are loaded when they are first used: `taskhub.testing.fixtures` is imported before Django is set up.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "TasksMixin": "taskhub.testing.mixin",
    "assert_enqueued": "taskhub.testing.assertions",
    "eager": "taskhub.testing.running",
    "enqueued": "taskhub.testing.assertions",
    "pass_time": "taskhub.testing.running",
    "refute_enqueued": "taskhub.testing.assertions",
    "run_tasks": "taskhub.testing.running",
}

if TYPE_CHECKING:
    from taskhub.testing.assertions import assert_enqueued, enqueued, refute_enqueued
    from taskhub.testing.mixin import TasksMixin
    from taskhub.testing.running import eager, pass_time, run_tasks

__all__ = [
    "TasksMixin",
    "assert_enqueued",
    "eager",
    "enqueued",
    "pass_time",
    "refute_enqueued",
    "run_tasks",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'taskhub.testing' has no attribute {name!r}")
