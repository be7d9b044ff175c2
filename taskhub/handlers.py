"""Handlers: functions that are told what happens in the processes in which they are registered.

Register them where workers come by, as in `AppConfig.ready()`. In a worker they run in its background thread, one after
the other: a slow or failing one holds up no task. Each call returns the handler, and so serves as a decorator.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from django.dispatch import Signal

from taskhub import background, signals

if TYPE_CHECKING:
    from taskhub.models import Worker
    from taskhub.results import AsyncResult


def on_task_started(handler: Callable[[AsyncResult], object]) -> Callable[[AsyncResult], object]:
    """Call `handler(result)` when an attempt starts."""
    _connect(handler, "task_result", signals.task_started)
    return handler


def on_task_completed(handler: Callable[[AsyncResult], object]) -> Callable[[AsyncResult], object]:
    """Call `handler(result)` when a task has ended, in whatever way: `result.is_successful` tells."""
    ends = (signals.task_succeeded, signals.task_failed, signals.task_cancelled)
    _connect(handler, "task_result", *ends, signals.task_expired)
    return handler


def on_task_failed(handler: Callable[[AsyncResult], object]) -> Callable[[AsyncResult], object]:
    """Call `handler(result)` when a task has failed for good: `result.errors[-1]` tells why."""
    _connect(handler, "task_result", signals.task_failed)
    return handler


def on_worker_offline(handler: Callable[[Worker], object]) -> Callable[[Worker], object]:
    """Call `handler(worker)` when a worker has signed off or was declared lost: `worker.is_lost` tells which."""
    _connect(handler, "worker", signals.worker_offline)
    return handler


def _connect(handler: Any, what: str, *of: Signal) -> None:
    if not callable(handler) or iscoroutinefunction(handler):
        raise TypeError(
            f"The handler {handler!r:.100} is no plain function; expected one that takes a {what}."
        )

    def receive(**told: Any) -> None:
        told_now = copy(told[what])
        if what == "task_result":  # the worker goes on writing in its own
            object.__setattr__(told_now, "errors", [*told_now.errors])
        background.do(partial(handler, told_now))

    for signal in of:
        signal.connect(receive, weak=False, dispatch_uid=("taskhub.handlers", handler))
