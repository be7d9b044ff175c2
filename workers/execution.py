"""Execution: runs one claim in the calling thread and says how it ended."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from functools import lru_cache
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from django.db import transaction
from django.utils import timezone

from taskhub import registry
from taskhub.context import Run, TaskContext, current_run
from taskhub.definition import TaskDefinition
from taskhub.engines import Engine
from taskhub.engines.rows import Claim, Ending
from taskhub.errors import DamagedTask, StaleClaim, TaskAborted, TaskTimeout
from taskhub.models.result import Outcome
from taskhub.payload import load_args
from taskhub.queue.finish import record
from taskhub.queue.values import load_values
from taskhub.queue.verdict import Attempt, raised, returned
from taskhub.states import Tie
from workers.connections import clean_up, forget_all
from workers.hooks import call_hook
from workers.interruption import Interrupter, armed, asked_to_stop, nothing, too_late
from workers.leftovers import end_what_is_left

T = TypeVar("T")
_is_coroutine_function = lru_cache(maxsize=1000)(iscoroutinefunction)
_VALUES = int(Tie.VALUES)  # a member of a Flag takes microseconds for what an int does at once
logger = logging.getLogger("taskhub.worker")


class Execution:
    """Runs claims one after the other, in one thread. Nothing that user code raises leaves it."""

    def __init__(
        self, interrupter: Interrupter, engine: Engine, worker_id: int, worker_name: str
    ) -> None:
        self._interrupter, self._engine = interrupter, engine
        self._worker_id, self._worker_name = worker_id, worker_name
        self._loop: asyncio.Runner | None = None

    def run(self, run: Run) -> tuple[Ending, bool]:
        """Run a claim to its end; return how it ended and whether that is recorded already (tasks with `atomic`)."""
        try:
            return self._call(run)
        finally:
            current_run.set(None)
            self._clean_up()

    def close(self) -> None:
        """Close the event loop in which coroutines have run, in the thread of their runs."""
        if self._loop is not None:
            self._loop.close()
            self._loop = None

    def call_hook(self, run: Run, recorded: Ending) -> None:
        """Call the hook for an outcome that is recorded, with the time that an attempt has."""
        try:
            call_hook(run, recorded, armed(self._interrupter, run))
        finally:
            self._clean_up()

    def tell(self, run: Run, act: Callable[[], object]) -> None:
        """Let others hear of a run, with the time that it has; what they raise is logged."""
        try:
            with armed(self._interrupter, run):
                act()
        except BaseException:  # the boundary around user code: also a timeout and sys.exit()
            logger.exception("Who was told of task %s failed.", run.claim.id)
        finally:
            self._clean_up()

    def _call(self, run: Run) -> tuple[Ending, bool]:
        try:
            try:
                load_values_of(run)
                function, args, kwargs = prepare(run)
                if run.definition.atomic:
                    return self._atomically(run, function, args, kwargs)
                value = self._guarded(run, function, args, kwargs)
                self._interrupter.disarm(run)
                return returned(attempt_of(run), value), False
            finally:
                self._interrupter.disarm(run)
        except BaseException as error:  # noqa: BLE001  # the boundary around user code: also sys.exit()
            self._interrupter.disarm(run)
            if isinstance(error, TaskTimeout | TaskAborted):
                self._forget_connections()
            run.error = error  # somebody may want to be told
            return raised(attempt_of(run), explained(run, error)), False

    def _atomically(
        self, run: Run, function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> tuple[Ending, bool]:
        """Run it in a transaction which commits its outcome too, or nothing."""
        with transaction.atomic(self._engine.alias):
            value = self._guarded(run, function, args, kwargs)
            self._interrupter.disarm(run)
            ending = returned(attempt_of(run), value)
            is_success = ending.outcome == Outcome.SUCCEEDED
            if not is_success:
                transaction.set_rollback(True, self._engine.alias)
            elif not record(self._engine, self._worker_id, self._worker_name, [ending]):
                raise StaleClaim
        self._expect_end_of_transaction()
        return ending, is_success

    def _guarded(
        self, run: Run, function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> Any:
        current_run.set(run)
        if not _is_coroutine_function(function):
            self._interrupter.arm(run)
            return function(*args, **kwargs)
        if self._loop is None:
            self._loop = asyncio.Runner()
        loop = self._loop.get_loop()
        self._interrupter.arm(run, lambda: loop.call_soon_threadsafe(nothing))
        try:
            return _run_alone(self._loop, function(*args, **kwargs))
        except (TaskTimeout, TaskAborted):
            # The shot left the loop, not the coroutine: closing the loop cancels it and runs its `finally` blocks.
            self._interrupter.disarm(run)
            self.close()
            raise

    def _expect_end_of_transaction(self) -> None:
        """Refuse a success that was not committed: a block that the task left open has taken the commit for its own.

        Raises:
            TransactionManagementError: the attempt fails, and what it wrote is rolled back.
        """
        if self._engine.connection.in_atomic_block:
            raise transaction.TransactionManagementError(
                "The task left a transaction.atomic() block open, so nothing of it was committed; "
                "use the block as a context manager or a decorator."
            )

    def _clean_up(self) -> None:
        clean_up()

    def _forget_connections(self) -> None:
        forget_all()


def _run_alone(runner: asyncio.Runner, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine, and end what it leaves behind; after a shot that is for the caller to do."""
    try:
        # In a context of its own: without it a Runner gives each coroutine that of the first one.
        value = runner.run(coroutine, context=copy_context())
    except (TaskTimeout, TaskAborted):
        raise
    except BaseException:
        end_what_is_left(runner.get_loop())
        raise
    end_what_is_left(runner.get_loop())
    return value


def prepare(run: Run) -> tuple[Callable[..., Any], list[Any], dict[str, Any]]:
    """Return what is to be called and its arguments."""
    args, kwargs = load_args(run.claim.args, run.claim.kwargs)
    args = [*run.first, *args]
    if run.definition.takes_context:
        args = [TaskContext(run), *args]
    return run.definition.func, args, kwargs


def load_values_of(run: Run) -> None:
    """Read what the tasks have returned that this one waited for; asks nobody where it waited for none."""
    if run.claim.ties & _VALUES:
        run.first, run.upstream = load_values(run.claim.id)


def attempt_of(run: Run) -> Attempt:
    """Return the attempt that ends now."""
    return Attempt(run.claim, run.definition, run.started_at, timezone.now())


def explained(run: Run, error: BaseException) -> BaseException:
    """Give an interruption its words: in a thread the interpreter raises the bare class."""
    if isinstance(error, TaskTimeout | TaskAborted) and not error.args:
        plain = too_late(run) if isinstance(error, TaskTimeout) else asked_to_stop()
        error.args = plain.args
    return error


@lru_cache(maxsize=1000)
def _changed(name: str, options: str) -> TaskDefinition:
    return registry.get(name).as_stored(json.loads(options))


def definition_of(claim: Claim) -> TaskDefinition:
    """Return the definition of a claim with the options that it was enqueued with.

    Raises:
        DamagedTask: its code is not here. TaskhubError, InvalidTask, ValueError, TypeError: the row was damaged.
    """
    known = registry.find(claim.name)
    if known is None:
        raise DamagedTask(f"The code of {claim.name!r} is not here.")
    return _changed(claim.name, str(claim.options)) if claim.options else known
