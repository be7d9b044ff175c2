"""Coroutines: a child whose event loop runs many tasks at a time, for work that awaits others."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from inspect import iscoroutinefunction

from asgiref.sync import sync_to_async
from django.db import close_old_connections

from taskhub.capturing import Capturing
from taskhub.context import Run, current_run
from taskhub.engines import get_engine
from taskhub.engines.rows import Claim, Ending
from taskhub.queue.verdict import raised, returned
from taskhub.results import AsyncResult
from workers import vital
from workers.bell import Lifeline
from workers.board import Board, Child
from workers.control import Control
from workers.execution import Execution, attempt_of, note_error, prepare
from workers.hooks import has_hooks
from workers.loop_timer import LoopTimer
from workers.options import WorkerOptions
from workers.shots import Shots
from workers.work import Work

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
        self._over = self._loop.create_future()
        self._tidied_at = 0.0

    def run(self) -> None:
        """Work until the control thread says that it is over."""
        Capturing().start()
        self._worker_id = self._control.start()
        asyncio.set_event_loop(self._loop)
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
        task = self._loop.create_task(self._run(run, number))
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
        await self._tidy()

    async def _run_and_end(self, run: Run, number: int) -> None:
        result = None
        if self._work.is_heard:
            result = await sync_to_async(self._work.announce_start)(run)
        if iscoroutinefunction(run.definition.func) and not run.definition.atomic:
            ending, is_recorded = await self._await(run), False
        else:
            ending, is_recorded = await self._loop.run_in_executor(
                self._threads, self._run_beside, run
            )
        self._work.leave(number)
        if result is None and not has_hooks(run.definition):
            self._work.end(run, ending, is_recorded=is_recorded, result=None)
        else:  # somebody's code will run, which may block
            end = partial(self._end_beside, run, number, ending, is_recorded, result)
            await self._loop.run_in_executor(self._threads, end)

    async def _await(self, run: Run) -> Ending:
        """Run a coroutine to its end; nothing that it raises leaves this."""
        try:
            function, args, kwargs = prepare(run)
            current_run.set(run)  # in the context of this coroutine alone
            self._timer.arm(run)
            value = await function(*args, **kwargs)
            self._timer.disarm(run)
            return returned(attempt_of(run), value)
        except BaseException as error:  # noqa: BLE001  # the boundary around user code: also sys.exit()
            shot = self._timer.shot(run) if isinstance(error, asyncio.CancelledError) else None
            note_error(run, shot or error)
            return raised(attempt_of(run), shot or error)
        finally:
            self._timer.disarm(run)

    def _run_beside(self, run: Run) -> tuple[Ending, bool]:
        return self._execution().run(run)

    def _end_beside(
        self, run: Run, number: int, ending: Ending, is_recorded: bool, result: AsyncResult | None
    ) -> None:
        self._work.end(run, ending, is_recorded=is_recorded, result=result)
        if has_hooks(run.definition):
            self._work.call_hook(run, number, self._execution())

    def _execution(self) -> Execution:
        return Execution(self._shots, get_engine(), self._worker_id, self._control.worker_name)

    def _abort(self, run: Run) -> None:
        self._timer.abort(run)
        self._shots.abort(run)

    async def _tidy(self) -> None:
        """Close old database connections of the thread that all coroutines share for their queries, now and then."""
        now = time.monotonic()
        if now - self._tidied_at >= _TIDY_EVERY:
            self._tidied_at = now
            await sync_to_async(close_old_connections)()
