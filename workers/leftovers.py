"""Leftovers: asyncio tasks that a coroutine has started and not awaited end with it, as they do under `asyncio.run`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any
from weakref import WeakSet

from taskhub.context import Run, current_run


def end_what_is_left(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel all tasks of a loop that does not run, and wait until they have left."""
    while left := asyncio.all_tasks(loop):
        _cancel(left)
        loop.run_until_complete(asyncio.wait(left))


class Leftovers:
    """Knows which asyncio tasks each run of one loop has started, for it makes them: it is the loop's task factory."""

    def __init__(self) -> None:
        self._started: dict[Run, WeakSet[asyncio.Task[Any]]] = {}

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make the tasks of this loop from now on."""
        loop.set_task_factory(self._make)

    def _make(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        **options: Any,
    ) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
        if (run := current_run.get()) is not None:
            self._started.setdefault(run, WeakSet()).add(task)
        return task

    async def end(self, run: Run) -> None:
        """Cancel what a run has left, and wait until that has left.

        Raises:
            CancelledError: the caller was cancelled meanwhile; what is left was cancelled once more then.
        """
        cancelled = None
        while left := {task for task in self._started.get(run, ()) if not task.done()}:
            _cancel(left)
            try:
                await asyncio.wait(left)
            except asyncio.CancelledError as error:
                cancelled = error
        self._started.pop(run, None)
        if cancelled is not None:
            raise cancelled


def _cancel(left: set[asyncio.Task[Any]]) -> None:
    for task in left:
        task.cancel()
