"""The query thread: where the coroutines of an event loop have their queries made, one after the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from asgiref.sync import AsyncToSync
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from taskhub.context import Run, current_run
from workers.connections import clean_up, close, forget, is_in_transaction

logger = logging.getLogger("taskhub.worker")
P = ParamSpec("P")
T = TypeVar("T")


class QueryThread(Executor):
    """One thread, with one connection to each database, for all that asgiref's `sync_to_async` is given.

    A connection that a task leaves inside a transaction is put aside for that task's further queries, and the others
    get a new one: nobody writes into another's transaction. What is open when the task ends is rolled back.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "taskhub-queries")
        self._aside: dict[Run, dict[str, BaseDatabaseWrapper]] = {}

    def serve(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make the queries of this loop's coroutines."""
        AsyncToSync.loop_thread_executors[loop] = self  # type: ignore[assignment]  # any Executor will do

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See `Executor`; called in the context of the task that asks."""
        return self._thread.submit(self._call, current_run.get(), partial(fn, *args, **kwargs))

    async def clean_up_after(self, run: Run) -> None:
        """Roll back what a task that has ended left open."""
        if run in self._aside:
            await asyncio.wrap_future(self._thread.submit(self._roll_back, run))

    def tidy(self) -> None:
        """Close connections that are broken, or older than the settings allow."""
        self._thread.submit(clean_up)

    def _call(self, run: Run | None, call: Callable[[], T]) -> T:
        common = self._swap_in(run)
        try:
            return call()
        finally:
            self._swap_out(run, common)

    def _swap_in(self, run: Run | None) -> dict[str, BaseDatabaseWrapper]:
        """Give a task the connections that it left inside a transaction; return those in whose place they are."""
        if run is None or (own := self._aside.pop(run, None)) is None:
            return {}
        there = {one.alias: one for one in connections.all(initialized_only=True)}
        for alias, connection in own.items():
            connections[alias] = connection
        return {alias: there[alias] for alias in own if alias in there}

    def _swap_out(self, run: Run | None, common: dict[str, BaseDatabaseWrapper]) -> None:
        for connection in connections.all(initialized_only=True):
            alias = connection.alias
            if is_in_transaction(connection):
                self._put_aside(run, connection)
            elif alias in common:  # the transaction has ended
                forget(connection)
            if alias in common:
                connections[alias] = common[alias]

    def _put_aside(self, run: Run | None, connection: BaseDatabaseWrapper) -> None:
        if run is None or run.is_over:  # nobody will come to end it
            forget(connection)
            return
        self._aside.setdefault(run, {})[connection.alias] = connection
        del connections[connection.alias]

    def _roll_back(self, run: Run) -> None:
        logger.warning("Task %s left a transaction open; it is rolled back.", run.claim.id)
        for connection in self._aside.pop(run).values():
            close(connection)
