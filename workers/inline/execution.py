"""Execution in the caller's thread: as in a worker, but inside the transactions that the caller has open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from asgiref.sync import async_to_sync
from django.db import transaction

from taskhub.context import Run, current_run
from taskhub.engines import Engine
from taskhub.engines.rows import Ending
from taskhub.errors import TaskAborted, TaskTimeout
from workers.execution import Execution
from workers.inline.transactions import Standing
from workers.interruption import nothing

# What ends an attempt in a worker too; anything else that is no Exception (Ctrl-C, pytest's own) is the caller's.
_OF_THE_TASK = (Exception, SystemExit, TaskTimeout, TaskAborted, asyncio.CancelledError)


class _Patience:
    """Interrupts nobody: a debugger may stand in the task, and a signal or a thread would be in the caller's way."""

    def arm(self, run: Run, poke: Callable[[], object] = nothing) -> None:
        """Do not watch it."""

    def disarm(self, run: Run) -> None:
        """Go on not watching."""


class InlineExecution(Execution):
    """Runs a claim as a worker would; `error` is what the task raised last, `stop` what is the caller's to hear."""

    def __init__(self, engine: Engine, worker_id: int, worker_name: str) -> None:
        super().__init__(_Patience(), engine, worker_id, worker_name)
        self._standing = Standing()
        self.error: BaseException | None = None
        self.stop: BaseException | None = None

    def run(self, run: Run) -> tuple[Ending, bool]:
        """See `Execution.run`; a task that is run by another one is no end of that one.

        Raises:
            BaseException: Ctrl-C and the like; the claim has not ended then.
        """
        outer, self.error = current_run.get(), None
        self._standing = Standing()
        try:
            answer = super().run(run)
        finally:
            current_run.set(outer)
        if self.stop is not None:
            raise self.stop
        return answer

    def call_hook(self, run: Run, recorded: Ending) -> None:
        """See `Execution.call_hook`."""
        outer = current_run.get()
        self._standing = Standing()
        try:
            super().call_hook(run, recorded)
        finally:
            current_run.set(outer)

    def tell(self, run: Run, act: Callable[[], object]) -> None:
        """See `Execution.tell`.

        Raises:
            BaseException: Ctrl-C and the like.
        """

        def noting() -> None:
            try:
                act()
            except BaseException as error:
                self._note_stop(error)
                raise

        self._standing = Standing()
        super().tell(run, noting)
        if self.stop is not None:
            raise self.stop

    def _guarded(
        self, run: Run, function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> Any:
        current_run.set(run)
        # A coroutine's queries come back to this thread, hence to its connection and its transaction.
        call = async_to_sync(function) if iscoroutinefunction(function) else function
        try:
            value = call(*args, **kwargs)
            if not run.definition.atomic:
                self._standing.call_hooks()
        except BaseException as error:
            self.error = error
            self._note_stop(error)
            raise
        return value

    def _note_stop(self, error: BaseException) -> None:
        if not isinstance(error, _OF_THE_TASK):
            self.stop = error

    def _expect_end_of_transaction(self) -> None:
        if self._standing.is_deeper(self._engine.alias):
            raise transaction.TransactionManagementError(
                "The task left a transaction.atomic() block open, so nothing of it was committed; "
                "use the block as a context manager or a decorator."
            )
        self._standing.call_hooks()

    def _clean_up(self) -> None:
        self._standing.settle()

    def _forget_connections(self) -> None:
        """Keep the caller's connections: nothing interrupts a task here in the middle of a query."""
