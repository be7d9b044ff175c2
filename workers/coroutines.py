"""Coroutines: a child whose event loop runs many tasks at a time, for work that awaits others."""

from __future__ import annotations

import asyncio
import time
from asyncio import Future
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from inspect import iscoroutinefunction
from typing import ParamSpec, TypeVar

from taskhub.capturing import Capturing
from taskhub.context import Run, current_run
from taskhub.engines import get_engine
from taskhub.engines.rows import Claim, Ending
from taskhub.queue.verdict import raised, returned
from taskhub.states import Tie
from workers import vital
from workers.bell import Lifeline
from workers.board import Board, Child
from workers.connections import clean_up
from workers.control import Control
from workers.execution import Execution, attempt_of, load_values_of, prepare
from workers.leftovers import Leftovers
from workers.loop_timer import LoopTimer
from workers.options import WorkerOptions
from workers.outbox import Done
from workers.query_thread import QueryThread
from workers.shots import Shots
from workers.work import Work

P = ParamSpec("P")
T = TypeVar("T")

_TIDY_EVERY = 1.0  # seconds


class EventLoop:
    """Takes claims while there are free slots. Plain functions, and tasks with `atomic`, run in threads beside it."""

    def __init__(
        self, options: WorkerOptions, board: Board, child: Child, lifeline: Lifeline
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._timer = LoopTimer(self._loop)
        self._shots = Shots()
        self._control = Control(options, board, child, lifeline, self._abort)
        self._work = Work(self._control)
        self._free = list(range(len(child.slots)))
        self._threads = ThreadPoolExecutor(len(self._free), "taskhub-slot")
        self._tasks: set[asyncio.Task[None]] = set()
        self._queries, self._leftovers = QueryThread(), Leftovers()
        self._context = copy_context()  # what each task begins with
        self._over = self._loop.create_future()
        self._tidied_at = 0.0

    def run(self) -> None:
        """Work until the control thread says that it is over."""
        Capturing().start()
        self._worker_id = self._control.start()
        asyncio.set_event_loop(self._loop)
        self._queries.serve(self._loop)
        self._leftovers.watch(self._loop)
        self._listen()
        while not self._over.done():
            with suppress(
                SystemExit, KeyboardInterrupt
            ):  # of a task that a user's task has started
                self._loop.run_until_complete(self._over)

    # -- taking -----------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        self._loop.add_reader(self._control.child.tray.fileno(), self._take)
        self._loop.call_soon(self._take)

    def _take(self) -> None:
        """Start what lies ready, as far as there are free slots."""
        tray = self._control.child.tray.fileno()
        while self._free:
            claim = self._control.take_now()
            if claim is None:
                if self._control.is_finished:
                    self._loop.remove_reader(tray)
                    self._over.set_result(None)
                return
            self._start(claim, self._free.pop())
        self._loop.remove_reader(tray)

    def _start(self, claim: Claim, number: int) -> None:
        run = self._work.begin(claim, number)
        if run is None:
            self._free_again(number)
            return
        task = self._loop.create_task(self._run(run, number), context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _free_again(self, number: int) -> None:
        self._free.append(number)
        if len(self._free) == 1:
            self._listen()

    # -- running ----------------------------------------------------------------------------------------------------

    async def _run(self, run: Run, number: int) -> None:
        try:
            await self._run_and_end(run, number)
        except Exception:  # noqa: BLE001  # not of user code: the slot would be lost
            vital.give_up(f"Slot {number}")
        self._free_again(number)
        self._tidy()

    async def _run_and_end(self, run: Run, number: int) -> None:
        telling, result = self._work.telling, None
        if telling.is_heard:
            result = await self._beside(telling.announce_start, run, self._execution())
        if iscoroutinefunction(run.definition.func) and not run.definition.atomic:
            ending, is_recorded = await self._await(run), False
            await self._queries.clean_up_after(run)
        else:
            ending, is_recorded = await self._beside(self._execution().run, run)
        self._work.leave(number)
        done = Done(run.claim, ending, run, is_recorded=is_recorded)
        end = partial(telling.end, run, number, done, result, self._execution())
        if telling.is_end_heard(run, ending, result):  # by somebody whose code may block
            await self._beside(end)
        else:
            end()

    async def _await(self, run: Run) -> Ending:
        """Run a coroutine to its end; nothing that it raises leaves this."""
        try:
            if run.claim.ties & Tie.VALUES:
                await self._beside(_load_values, run)
            function, args, kwargs = prepare(run)
            current_run.set(run)  # in the context of this coroutine alone
            self._timer.arm(run)
            try:
                value = await function(*args, **kwargs)
            finally:
                await self._leftovers.end(run)
            self._timer.disarm(run)
            return returned(attempt_of(run), value)
        except BaseException as error:  # noqa: BLE001  # the boundary around user code: also sys.exit()
            shot = self._timer.shot(run) if isinstance(error, asyncio.CancelledError) else None
            run.error = shot or error
            return raised(attempt_of(run), shot or error)
        finally:
            self._timer.disarm(run)

    def _beside(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call something in one of the threads beside the loop."""
        return self._loop.run_in_executor(self._threads, partial(call, *args, **kwargs))

    def _execution(self) -> Execution:
        return Execution(self._shots, get_engine(), self._worker_id, self._control.worker_name)

    def _abort(self, run: Run) -> None:
        self._timer.abort(run)
        self._shots.abort(run)

    def _tidy(self) -> None:
        now = time.monotonic()
        if now - self._tidied_at >= _TIDY_EVERY:
            self._tidied_at = now
            self._queries.tidy()


def _load_values(run: Run) -> None:
    """Load the values of the tasks before it, in a thread whose connection others use after it."""
    try:
        load_values_of(run)
    finally:
        clean_up()
