"""Execution: runs one claim in the calling thread and says how it ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from functools import lru_cache
from inspect import iscoroutinefunction
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import Error
from django.utils import timezone

from taskhub import registry
from taskhub.context import Run, TaskContext, current_run
from taskhub.definition import TaskDefinition
from taskhub.engines import Engine
from taskhub.engines.rows import Claim, Ending
from taskhub.errors import DamagedTask, StaleClaim, TaskAborted, TaskTimeout
from taskhub.models.result import Outcome
from taskhub.payload import load_args
from taskhub.queue.verdict import Attempt, raised, returned
from workers.hooks import call_hook, has_hooks
from workers.interruption import Interrupter, armed, asked_to_stop, nothing, too_late


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

    def call_hook(self, run: Run, recorded: Ending) -> None:
        """Call the hook for an outcome that is recorded, with the time that an attempt has."""
        try:
            call_hook(run, recorded, armed(self._interrupter, run))
        finally:
            self._clean_up()

    def _call(self, run: Run) -> tuple[Ending, bool]:
        try:
            try:
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
            note_error(run, error)
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
            elif not self._engine.finish(self._worker_id, self._worker_name, [ending]):
                raise StaleClaim
        self._expect_end_of_transaction()
        return ending, is_success

    def _guarded(
        self, run: Run, function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> Any:
        current_run.set(run)
        if not iscoroutinefunction(function):
            self._interrupter.arm(run)
            return function(*args, **kwargs)
        if self._loop is None:
            self._loop = asyncio.Runner()
        loop = self._loop.get_loop()
        self._interrupter.arm(run, lambda: loop.call_soon_threadsafe(nothing))
        try:
            # In the context of this run: without it a Runner gives each coroutine that of the first one.
            return self._loop.run(function(*args, **kwargs), context=copy_context())
        except (TaskTimeout, TaskAborted):
            # The shot left the loop, not the coroutine: closing the loop cancels it and runs its `finally` blocks.
            self._interrupter.disarm(run)
            self._loop.close()
            self._loop = None
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
        """What Django does after a request; and a connection left inside a transaction is not used again."""
        for connection in connections.all(initialized_only=True):
            if connection.in_atomic_block or connection.needs_rollback:
                self._forget_connections()
                break
        for connection in connections.all(initialized_only=True):
            try:
                connection.close_if_unusable_or_obsolete()
            except Error:  # some drivers mind that the task has closed their connection already
                _forget(connection)

    def _forget_connections(self) -> None:
        for connection in connections.all(initialized_only=True):
            _forget(connection)


def _forget(connection: BaseDatabaseWrapper) -> None:
    """Close a connection, whatever its state, and let Django make a new one."""
    connection.in_atomic_block = False
    with suppress(Error):
        connection.close()
    del connections[connection.alias]


def prepare(run: Run) -> tuple[Callable[..., Any], list[Any], dict[str, Any]]:
    """Return what is to be called and its arguments."""
    args, kwargs = load_args(run.claim.args, run.claim.kwargs)
    if run.definition.takes_context:
        args = [TaskContext(run), *args]
    return run.definition.func, args, kwargs


def attempt_of(run: Run) -> Attempt:
    """Return the attempt that ends now."""
    return Attempt(run.claim, run.definition, run.started_at, timezone.now())


def note_error(run: Run, error: BaseException) -> None:
    """Keep what a task raised, where a hook wants it."""
    run.error = error if has_hooks(run.definition) else None


def explained(run: Run, error: BaseException) -> BaseException:
    """Give an interruption its words: in a thread the interpreter raises the bare class."""
    if isinstance(error, TaskTimeout | TaskAborted) and not error.args:
        plain = too_late(run) if isinstance(error, TaskTimeout) else asked_to_stop()
        error.args = plain.args
    return error


@lru_cache(maxsize=1000)
def _changed(name: str, options: str) -> TaskDefinition:
    return registry.get(name).using(**json.loads(options))


def definition_of(claim: Claim) -> TaskDefinition:
    """Return the definition of a claim with the options that it was enqueued with.

    Raises:
        DamagedTask: its code is not here. TaskhubError, InvalidTask, ValueError, TypeError: the row was damaged.
    """
    known = registry.find(claim.name)
    if known is None:
        raise DamagedTask(f"The code of {claim.name!r} is not here.")
    return _changed(claim.name, str(claim.options)) if claim.options else known
