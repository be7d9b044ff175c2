"""Hooks: what a task's definition wants to be told once the outcome of an attempt is recorded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from inspect import iscoroutine
from typing import Any

from taskhub.definition import TaskDefinition
from taskhub.engines.rows import Ending
from taskhub.errors import TaskFailed
from taskhub.queue.verdict import describe
from taskhub.run import Run, current_run
from taskhub.states import TaskState

logger = logging.getLogger("taskhub.worker")

_NAMES = {
    TaskState.SUCCEEDED: "on_success",
    TaskState.FAILED: "on_failure",
    TaskState.RETRYING: "on_retry",
}


def has_hooks(definition: TaskDefinition) -> bool:
    """Tell whether the outcome may matter to a hook, so that somebody must wait for its record."""
    return any((definition.on_success, definition.on_failure, definition.on_retry))


def hook_of(definition: TaskDefinition, recorded: Ending) -> Callable[..., Any] | None:
    """Return the hook for an outcome as it was recorded; cancelled and snoozed attempts have none."""
    name = _NAMES.get(recorded.state)
    hook: Callable[..., Any] | None = getattr(definition, name) if name else None
    return hook


def call_hook(
    run: Run, recorded: Ending, guard: AbstractContextManager[None] | None = None
) -> None:
    """Call the hook for an outcome, if there is one; what it raises is logged and changes nothing.

    Its log lines belong to the attempt. A coroutine runs in a loop of its own: call this where none runs, for example
    in a thread of the async child's. `guard` is entered around user code, and may raise in it.
    """
    hook = hook_of(run.definition, recorded)
    if hook is None:
        return
    current_run.set(run)
    try:
        with guard or nullcontext():
            _call(hook, run, recorded)
    except BaseException as error:  # the boundary around user code: also a timeout and sys.exit()
        name = _NAMES[recorded.state]
        logger.exception("The hook %s of task %s failed.", name, run.claim.id)
        run.add_line(logging.ERROR, f"The hook {name} failed:\n{describe(error)['traceback']}")
    finally:
        current_run.set(None)


def _call(hook: Callable[..., Any], run: Run, recorded: Ending) -> None:
    result = run.load_result(run.claim)
    is_success = recorded.state == TaskState.SUCCEEDED
    answer = hook(result) if is_success else hook(result, error_of(run, recorded))
    if iscoroutine(answer):
        with asyncio.Runner() as runner:
            runner.run(answer, context=copy_context())


def error_of(run: Run, recorded: Ending) -> BaseException:
    """Return what the task raised, or a stand-in where the outcome is not the task's own exception."""
    return run.error or TaskFailed(
        recorded.message, error_class=recorded.error_class, traceback=recorded.traceback
    )
