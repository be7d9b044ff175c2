"""taskhub: background tasks for Django with nothing to run but the database.

The public names are loaded when they are first used, so that this package may be imported before apps are ready.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "AsyncResult": "taskhub.results",
    "Cancel": "taskhub.errors",
    "Cron": "taskhub.plan",
    "Every": "taskhub.plan",
    "RetryTask": "taskhub.errors",
    "Snooze": "taskhub.errors",
    "TaskState": "taskhub.states",
    "TaskSystem": "workers.system",
    "TaskTimeout": "taskhub.errors",
    "TaskhubError": "taskhub.errors",
    "Workflow": "taskhub.workflows",
    "chain": "taskhub.workflows",
    "chord": "taskhub.workflows",
    "get_result": "taskhub.client",
    "group": "taskhub.workflows",
    "send": "taskhub.client",
    "send_at": "taskhub.client",
    "send_batch": "taskhub.client",
    "send_later": "taskhub.client",
    "task": "taskhub.definition",
}

if TYPE_CHECKING:
    from taskhub.client import get_result, send, send_at, send_batch, send_later
    from taskhub.definition import task
    from taskhub.errors import Cancel, RetryTask, Snooze, TaskhubError, TaskTimeout
    from taskhub.plan import Cron, Every
    from taskhub.results import AsyncResult
    from taskhub.states import TaskState
    from taskhub.workflows import Workflow, chain, chord, group
    from workers.system import TaskSystem

__all__ = [
    "AsyncResult",
    "Cancel",
    "Cron",
    "Every",
    "RetryTask",
    "Snooze",
    "TaskState",
    "TaskSystem",
    "TaskTimeout",
    "TaskhubError",
    "Workflow",
    "chain",
    "chord",
    "get_result",
    "group",
    "send",
    "send_at",
    "send_batch",
    "send_later",
    "task",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'taskhub' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
