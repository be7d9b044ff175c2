"""LocalWorker: the threads of a worker inside this process: one pool that runs tasks, and maintenance."""

from __future__ import annotations

import logging
import os
import threading
import time

from django.db.utils import Error

from taskhub import queue, registry
from taskhub.engines import Engine, queue_alias
from taskhub.engines.news import get_news
from taskhub.errands import in_a_thread
from taskhub.errors import TaskhubError
from taskhub.models import Worker
from taskhub.queue.rescue import Cause
from workers import registration, statistics, vital
from workers.bell import NEW_QUEUE, STOP, WORK, Lifeline
from workers.board import Board, Child, ChildState, Stop
from workers.interruption import REPEAT
from workers.maintenance import Maintenance
from workers.options import WorkerOptions
from workers.system.statistics import WorkerStatistics
from workers.threads import ThreadPool

logger = logging.getLogger("taskhub.worker")

_START_SECONDS = 30.0
_FAREWELL = 3.0  # seconds that interrupted tasks get to leave
_SIGN_OFF = 10.0  # and maintenance, to write the last rows


class _OwnLifeline(Lifeline):
    """Of a worker that is its own supervisor: it tears when the process ends, and then nobody is left to hear of it."""

    @property
    def is_torn(self) -> bool:
        return False

    def __del__(self) -> None:
        self.close()


class _OwnBoard(Board):
    """A board whose pipes go with it: as long as anybody may ring a bell, it is there."""

    def __del__(self) -> None:
        self.bell.close()
        for child in self.all:
            child.bell.close()
            child.tray.close()


class LocalWorker:
    """One start to one stop. A second start takes a new one."""

    def __init__(self, options: WorkerOptions) -> None:
        self._options = options
        self._board = _OwnBoard(options.kinds)
        self._child: Child = self._board.children[0]
        self._lifeline = _OwnLifeline()
        self._pool: ThreadPool | None = None
        self._maintenance: Maintenance | None = None
        self._threads: list[threading.Thread] = []
        self._ready = threading.Event()
        self.pid = os.getpid()
        self.lost = ""  # the name of a thread that failed

    @property
    def is_running(self) -> bool:
        return not self._board.stop and bool(self._threads) and self.pid == os.getpid()

    @property
    def active(self) -> int:
        """Slots that run a task."""
        return len(self._child.running)

    @property
    def statistics(self) -> WorkerStatistics:
        return WorkerStatistics.of(self._board)

    # -- start ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Register the worker and start its threads; returns when it takes tasks.

        Raises:
            DatabaseError: the worker could not be registered. TaskhubError: it was not ready in time.
        """
        registry.load()
        self._board.worker_id = in_a_thread(lambda _: registration.worker(self._options, self.pid))
        self._child.born_at = time.monotonic_ns()
        self._child.state = ChildState.STARTING
        with vital.guarded_by(self._on_loss):
            self._pool = ThreadPool(self._options, self._board, self._child, self._lifeline)
            # It tells its supervisor of places that are free again: here nobody fills them, so it tells itself.
            bell = self._board.maintenance.bell
            self._maintenance = Maintenance(self._options, self._board, self._lifeline, bell)
            self._threads = [
                vital.start(self._maintenance.run, "taskhub-maintenance"),
                vital.start(self._run_pool, "taskhub-pool"),
            ]
        if not self._becomes_ready():
            self.stop(0)
            why = f"{self.lost} failed" if self.lost else f"not after {_START_SECONDS:g} s"
            raise TaskhubError(f"The worker did not become ready ({why}); its log says why.")

    def _becomes_ready(self) -> bool:
        deadline = time.monotonic() + _START_SECONDS
        parts = (self._child, self._board.maintenance)
        while any(part.state != ChildState.ALIVE for part in parts):
            if self.lost or time.monotonic() > deadline:
                return False
            self._ready.wait(0.005)
        return True

    def _run_pool(self) -> None:
        assert self._pool is not None  # noqa: S101
        self._pool.run()
        self._child.exit_code = vital.EXIT_CODE if self.lost else 0
        self._leave_place(ChildState.DEAD)  # maintenance takes care of what it left

    def _leave_place(self, state: ChildState) -> None:
        self._child.state = state
        self._board.maintenance.bell.ring()

    def _on_loss(self, name: str) -> None:
        """Stop the worker: what is left of it cannot do its work."""
        self.lost = self.lost or name
        self._tell(Stop.NOW)
        if self._pool is not None:
            self._pool.give_up()

    def look_again(self) -> None:
        """Take note of tasks that this process knows now."""
        names = [definition.identifier for definition in registry.all_definitions()]
        registration.knows(self._board.worker_id, names)
        self._child.bell.ring(WORK + NEW_QUEUE)
        if self._maintenance is not None:
            self._maintenance.scheduling.hurry()
            self._board.maintenance.bell.ring()

    def schedule(self, *, is_on: bool) -> None:
        """Fire schedules from now on, or leave them to other workers."""
        if self._maintenance is not None:
            self._maintenance.scheduling.switch(is_on=is_on)
            self._board.maintenance.bell.ring()

    # -- stop -------------------------------------------------------------------------------------------------------

    def stop(self, timeout: float) -> bool:
        """Claim nothing more, and give running tasks `timeout` seconds; return whether all have ended.

        Those that have not go back to their queue, and TaskAborted is raised in them. One that does not leave even
        then keeps its thread until it does; what it returns is dropped.
        """
        self._tell(Stop.GRACEFUL)
        [maintenance, pool] = self._threads
        pool.join(timeout)
        is_clean = not pool.is_alive()
        if not is_clean:
            is_clean = self._send_away(pool)
        maintenance.join(_SIGN_OFF)
        if maintenance.is_alive():
            logger.error("The worker could not sign off; others will find it gone.")
        get_news(queue_alias()).close()  # the thread by which this process has waited for results
        return is_clean

    def _tell(self, how: Stop) -> None:
        self._board.stop = max(how, self._board.stop)
        for child in self._board.all:
            child.bell.ring(STOP)

    def _send_away(self, pool: threading.Thread) -> bool:
        """Give running tasks back and interrupt them; return whether there was none."""
        assert self._pool is not None  # noqa: S101
        left = self._pool.running
        try:
            in_a_thread(self._release)
        except Error as error:
            logger.error("Running tasks could not be given back; others will: %s", error)
        deadline = time.monotonic() + _FAREWELL
        while pool.is_alive() and time.monotonic() < deadline:
            for run in self._pool.running:
                self._pool.interrupt(run)
            pool.join(REPEAT)
        if pool.is_alive():
            names = ", ".join(run.definition.identifier for run in self._pool.running)
            logger.error("%s does not leave; its thread stays until it does.", names)
            self._leave_place(ChildState.FREE)  # maintenance need not wait for it
        return not left

    def _release(self, engine: Engine) -> None:
        assert self._pool is not None  # noqa: S101
        started = [run.claim.id for run in self._pool.running]
        row = Worker.objects.using(engine.alias).get(pk=self._child.worker_id)
        how = "was stopped while the task ran"
        queue.rescue_child(
            row, started, how, Cause.RELEASED, count=lambda _, ending: statistics.count(self._child, [ending])
        )  # fmt: skip
