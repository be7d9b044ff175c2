"""TaskContext: what a running task sees of itself."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, replace
from datetime import datetime, timedelta
from inspect import isawaitable, iscoroutine
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async

from taskhub import compat, steps
from taskhub.errors import (
    InvalidCheckpoint,
    InvalidStep,
    InvalidWorkflow,
    TaskAborted,
)
from taskhub.logs import formatted
from taskhub.queue.checkpoints import load_checkpoint
from taskhub.run import Run, current_run
from taskhub.saved_values import saved_text
from taskhub.text import storable

if TYPE_CHECKING:
    from taskhub.results import AsyncResult
    from taskhub.signature import Signature

__all__ = ["Run", "TaskContext", "current_run"]


class TaskContext(compat.TaskContext):  # type: ignore[type-arg]  # not subscriptable on Django 6
    """Passed to a task that takes the context. Its methods never touch the task's own database transaction."""

    __slots__ = ("_result", "_run")
    _run: Run
    _result: compat.TaskResult[Any, Any] | None

    def __init__(self, run: Run) -> None:
        object.__setattr__(self, "_run", run)
        object.__setattr__(self, "_result", None)

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenInstanceError(f"The context of a task cannot be changed: {name!r}.")

    @property
    def task_result(self) -> compat.TaskResult[Any, Any]:  # type: ignore[override]
        """The task's result as of its start; read from the database when first asked for."""
        run = self._run
        result = self._result or run.ask(lambda engine: run.load_result(run.claim))
        object.__setattr__(self, "_result", result)
        return result

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        return self._run.claim.attempt

    @property
    def is_cancelled(self) -> bool:
        """Somebody has asked this task to stop; after TASKHUB["CANCEL_GRACE"] seconds it is interrupted."""
        return self._run.is_cancelled

    def raise_if_cancelled(self) -> None:
        """Leave the task when somebody has asked it to stop.

        Raises:
            TaskAborted: not an Exception, so that `except Exception` lets it through.
        """
        if self._run.is_cancelled:
            raise TaskAborted("The task was asked to stop.")

    @property
    def deadline(self) -> datetime:
        """When TaskTimeout will be raised in the task."""
        return self._run.started_at + timedelta(seconds=self._run.definition.timeout)

    @property
    def remaining(self) -> float:
        """Seconds until the deadline, negative after it."""
        return self._run.deadline - time.monotonic()

    @property
    def upstream(self) -> Mapping[str, Any]:
        """The values of the workflow's steps that this one waited for, by name; None for one that failed."""
        return MappingProxyType(self._run.upstream)

    def spawn(self, signature: Signature, *, weight: float | None = None) -> AsyncResult:
        """Enqueue a child of this task: listed on both ends, and cancelled with it while it has not started.

        A task that reports no progress of its own shows that of its children; `weight` is the share of this one beside
        the others (default: that of its task, which is 1).

        Inside `transaction.atomic` the child exists if and only if that commits.
        """
        if not hasattr(signature, "definition"):
            raise InvalidWorkflow(
                f"spawn({signature!r:.100}): expected a signature, as task.s(…) makes it."
            )
        definition = signature.definition.born_of(self._run.claim.id)
        if weight is not None:
            definition = definition.using(weight=weight)
        return replace(signature, definition=definition).enqueue()

    async def aspawn(self, signature: Signature, *, weight: float | None = None) -> AsyncResult:
        """See `spawn`; does not block the event loop."""
        return await sync_to_async(self.spawn)(signature, weight=weight)

    def update_progress(self, fraction: float, message: str = "") -> None:
        """Report how far the task is, from 0 to 1. Cheap to call often: the worker stores the last report.

        Raises:
            ValueError: the fraction lies outside 0…1 or is not a number.
        """
        if not _is_fraction(fraction):
            raise ValueError(f"update_progress({fraction!r}): expected a fraction from 0 to 1.")
        self._run.report(float(fraction), storable(str(message), 500))

    def save_checkpoint(self, value: Any) -> None:
        """Write down a JSON value that the next attempt can go on from; it is stored when this returns.

        It stands beside the task's own transactions: save it after the commit of what it tells of, not inside. (Inside
        a transaction of the queue's database on SQLite it is stored when that transaction ends.)

        Raises:
            InvalidCheckpoint: not JSON, or larger than TASKHUB["MAX_CHECKPOINT_BYTES"].
            StaleClaim: another worker has taken the task over; leave, what you do is done again there.
        """
        self._run.save(_checkpoint_text(value, self._run))

    async def asave_checkpoint(self, value: Any) -> None:
        """See `save_checkpoint`; does not block the event loop."""
        await asyncio.to_thread(self._run.save, _checkpoint_text(value, self._run))

    def load_checkpoint(self, default: Any = None) -> Any:
        """Return what was saved last, by this or an earlier attempt; `default` where nothing was.

        Each call returns a value of its own. The first attempt asks nobody.
        """
        run = self._run
        if run.checkpoint is not None:
            return json.loads(run.checkpoint.text)
        if run.claim.claim_no == 1:
            return default
        text = run.ask(lambda engine: load_checkpoint(engine, run.claim.id))
        return default if text is None else json.loads(text)

    async def aload_checkpoint(self, default: Any = None) -> Any:
        """See `load_checkpoint`; does not block the event loop."""
        return await asyncio.to_thread(self.load_checkpoint, default)

    def step(self, name: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Return `function(*args, **kwargs)`, called once over all attempts; later ones get the recorded JSON value.

        It is recorded when this returns, and not before: a process that dies in between leaves the step to be done
        again. Inside a transaction of the queue's database the record is part of that transaction.

        Raises:
            InvalidStep: no name, or a value that is not JSON or too large; the task is not retried by itself.
            StaleClaim: another worker has taken the task over; leave.
        """
        recorded = steps.find(self._run, name)
        if recorded is None:
            value = function(*args, **kwargs)
            if iscoroutine(value):
                value.close()
                raise InvalidStep(
                    f"The step {name!r} gave a coroutine; expected a value. Use `await astep(…)`."
                )
            recorded = steps.record(self._run, name, value)
        return json.loads(recorded)

    async def astep(
        self, name: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        """See `step`; awaits what a coroutine function gives, and does not block the event loop."""
        recorded = await asyncio.to_thread(steps.find, self._run, name)
        if recorded is None:
            value = function(*args, **kwargs)
            if isawaitable(value):
                value = await value
            recorded = await asyncio.to_thread(steps.record, self._run, name, value)
        return json.loads(recorded)

    def log_info(self, message: object, *args: object) -> None:
        """Add a line to the attempt's log, whatever the settings of `logging` are; `args` as in `logging`."""
        self._run.add_line(logging.INFO, formatted(message, args))

    def log_warning(self, message: object, *args: object) -> None:
        """See `log_info`."""
        self._run.add_line(logging.WARNING, formatted(message, args))

    def log_error(self, message: object, *args: object) -> None:
        """See `log_info`."""
        self._run.add_line(logging.ERROR, formatted(message, args))


def _is_fraction(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _checkpoint_text(value: Any, run: Run) -> str:
    return saved_text(value, "the checkpoint", run.definition.identifier, InvalidCheckpoint)
