"""Control: the thread of an executor that talks to the database: claims, records, watches for cancellation."""

from __future__ import annotations

import logging
import os
import queue
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from django.db.utils import Error
from django.utils import timezone

from taskhub import conf, registry
from taskhub.context import Run
from taskhub.engines import get_engine
from taskhub.engines.rows import Claim, Ending
from taskhub.engines.wakeups import HOT_SECONDS
from taskhub.queue import finish, write_progress
from taskhub.queue.claim import claim
from taskhub.states import TaskState
from workers import registration, vital
from workers.alarm import Alarm
from workers.bell import CANCEL, NEW_QUEUE, STOP, WORK, Bell
from workers.board import Board, Slot, SlotState
from workers.cancellation import Cancellation
from workers.options import WorkerOptions
from workers.prefetch import Prefetch
from workers.sharing import KnownQueues

logger = logging.getLogger("taskhub.worker")
T = TypeVar("T")

_FLUSH_AFTER = 0.02  # seconds: how old an outcome may be when it is recorded
_FLUSH_AT = 50  # outcomes
_PROGRESS_EVERY = 0.2  # seconds
_LOOK_EVERY = 1.0  # seconds between looks while a task runs: cancellation, the parent's life


@dataclass(slots=True, eq=False)
class Done:
    """The end of a run on its way to the database."""

    ending: Ending
    run: Run | None
    is_recorded: bool = False
    at: float = field(default_factory=time.monotonic)
    _answer: threading.Event | None = None  # made only where somebody waits for it
    _was_held: bool = False

    def wait(self) -> bool:
        """Wait until it is recorded; return whether its fence held."""
        return self._answer is None or (self._answer.wait() and self._was_held)

    def answer(self, was_held: bool) -> None:
        self._was_held = was_held
        if self._answer is not None:
            self._answer.set()

    def expect_answer(self) -> None:
        self._answer = threading.Event()


class Control:
    """Keeps the main thread in claims and records what became of them, in batches, on a connection of its own."""

    def __init__(
        self, options: WorkerOptions, board: Board, slot: Slot, bell: Bell, alarm: Alarm
    ) -> None:
        self.buffer: queue.SimpleQueue[Claim | None] = queue.SimpleQueue()
        self.current: Run | None = None
        self.worker_name = f"{options.name}/{slot.number}"
        self._options, self._board, self._slot, self._bell = options, board, slot, bell
        self._done: deque[Done] = deque()
        self._is_asleep = False
        self._parent_pid = os.getppid()
        self._is_registered = threading.Event()
        self._prefetch = Prefetch()
        self._queues = KnownQueues(options.queues)
        self._cancellation = Cancellation(alarm, slot)
        self._unknown: set[str] = set()
        self._out = 0  # claims that this thread has not had back yet: waiting, running, or ended and not recorded
        self._progress_at = 0.0
        self._woken_at = 0.0
        self._is_over = False

    # -- called by the main thread ----------------------------------------------------------------------------------

    def start(self) -> None:
        vital.start(self._run, "taskhub-control")

    def wait_for_worker_id(self) -> int:
        """Wait until this child has a Worker row; return its id."""
        self._is_registered.wait()
        return self._slot.worker_id

    def hand_back(self, done: Done, *, wants_answer: bool = False) -> None:
        """Take the end of a run; wakes the thread when it has a reason to act at once."""
        if wants_answer:
            done.expect_answer()
        self._done.append(done)
        if self._is_asleep and (
            wants_answer or self.buffer.empty() or len(self._done) >= _FLUSH_AT
        ):
            self._bell.ring()

    # -- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        """Loop until told to stop and everything is recorded."""
        self._trying(self._register)
        while not self._is_over:
            self._slot.tick = time.monotonic_ns()
            self._turn()
        self._trying(lambda: registration.stopped(self._slot.worker_id))
        self.buffer.put(None)

    def _turn(self) -> None:
        self._record_done()
        if os.getppid() != self._parent_pid:
            self._leave_orphaned()
        if self._board.stop:
            self._give_back_buffer()
            self._is_over = not self._out
        else:
            self._fill_buffer()
        self._listen(self._nap())

    def _register(self) -> None:
        while not self._board.worker_id:
            self._bell.wait(0.02)
        self._slot.worker_id = registration.child(self._board.worker_id, self.worker_name)
        self._slot.state = SlotState.ALIVE
        self._is_registered.set()

    # -- claiming ---------------------------------------------------------------------------------------------------

    def _fill_buffer(self) -> None:
        run, buffered = self.current, max(0, self._out - 1)
        busy_for = time.monotonic() - run.started if run is not None else 0.0
        if buffered and self._prefetch.is_stuck(busy_for):
            self._give_back_buffer()
            return
        count = self._prefetch.room(buffered, is_busy=self._out > 0, busy_for=busy_for)
        if not count:
            return
        claims = self._trying(lambda: self._claim(count))
        self._out += len(claims)
        for item in claims:
            self.buffer.put(item)
        if not self._out:
            self._slot.empty_claims += 1
        elif claims:
            self._slot.empty_claims = 0

    def _claim(self, count: int) -> list[Claim]:
        self._queues.refresh_if_due()
        engine = get_engine()
        claims = claim(
            engine, self._slot.worker_id, self._queues.shares, count, sorted(self._unknown)
        )
        known = [item for item in claims if registry.find(item.name)]
        if len(known) < len(claims):
            strange = [item for item in claims if not registry.find(item.name)]
            self._unknown |= {item.name for item in strange}
            logger.error(
                "This worker does not have the code of %s and leaves such tasks to workers that have it.",
                ", ".join(sorted({item.name for item in strange})),
            )
            finish(
                engine,
                self._slot.worker_id,
                self.worker_name,
                [_unstarted(item) for item in strange],
            )
        return known

    def _give_back_buffer(self) -> None:
        """Return what has not started to its queue; taking it out of the buffer decides who has it."""
        back = []
        while True:
            try:
                item = self.buffer.get_nowait()
            except queue.Empty:
                break
            if item is not None:
                back.append(_unstarted(item))
        if back:
            self._out -= len(back)
            self._trying(lambda: finish(get_engine(), self._slot.worker_id, self.worker_name, back))

    # -- recording --------------------------------------------------------------------------------------------------

    def _record_done(self) -> None:
        batch: list[Done] = []
        while self._done:
            batch.append(self._done.popleft())
        self._out -= len(batch)
        for done in batch:
            self._prefetch.learn(done.ending)
        open_ones = [done.ending for done in batch if not done.is_recorded]
        self._report_progress([done.run for done in batch if done.run is not None])
        held = {ending.task_id for ending in self._trying(
            lambda: finish(get_engine(), self._slot.worker_id, self.worker_name, open_ones)
        )} if open_ones else set()  # fmt: skip
        for done in batch:
            done.answer(done.is_recorded or done.ending.task_id in held)

    def _report_progress(self, ended: list[Run]) -> None:
        runs, now = list(ended), time.monotonic()
        if self.current is not None and now - self._progress_at >= _PROGRESS_EVERY:
            runs.append(self.current)
        reports = {}
        for run in runs:
            report, run.progress = run.progress, None
            if report is not None:
                reports[run.claim.id] = report
        if reports:
            self._progress_at = now
            self._trying(lambda: write_progress(get_engine(), reports))

    # -- waiting ----------------------------------------------------------------------------------------------------

    def _nap(self) -> float:
        """Return how long there is nothing to do, unless the bell rings."""
        now, run = time.monotonic(), self.current
        if self._is_over:
            return 0.0
        if self._done:
            is_idle = self._out == len(self._done)
            return (
                0.0
                if is_idle or self._board.stop
                else max(0.0, self._done[0].at + _FLUSH_AFTER - now)
            )
        if self._out > 1:
            return self._prefetch.stuck_after / 2
        if self._out:
            return self._nap_while_busy(run)
        if self._options.is_draining or now - self._woken_at < HOT_SECONDS:
            return HOT_SECONDS / 3
        return conf.get().poll_interval

    def _nap_while_busy(self, run: Run | None) -> float:
        if run is None:
            return 0.01  # the main thread is about to start it
        if run.progress is not None:
            return max(0.01, self._progress_at + _PROGRESS_EVERY - time.monotonic())
        if run.is_cancelled or self._board.stop:
            return 0.1
        return _PROGRESS_EVERY if run.definition.takes_context else _LOOK_EVERY

    def _listen(self, seconds: float) -> None:
        self._is_asleep = True
        if self._done and self._out == len(self._done):
            seconds = 0.0  # it was handed over while we decided how long to sleep
        said = self._bell.wait(seconds)
        self._is_asleep = False
        if said.strip(STOP):
            if WORK in said or NEW_QUEUE in said:
                self._woken_at = time.monotonic()
            if NEW_QUEUE in said:
                self._queues.expire()
        run = self.current
        if run is not None:
            self._trying(
                lambda: self._cancellation.look(run, self._slot.worker_id, is_told=CANCEL in said)
            )

    # -- trouble ----------------------------------------------------------------------------------------------------

    def _trying(self, act: Callable[[], T]) -> T:
        """Act until the database lets us: keeps what it holds, backs off with jitter, reconnects."""
        pause = 0.05
        while True:
            try:
                return act()
            except Error as error:
                engine = get_engine()
                if not engine.is_transient(error):
                    raise
                logger.warning(
                    "The database is in trouble, trying again in %.1f s: %s",
                    pause,
                    str(error).strip(),
                )
                if not engine.is_conflict(error):
                    engine.connection.close()
                if os.getppid() != self._parent_pid:
                    os._exit(71)
                self._slot.tick = time.monotonic_ns()
                time.sleep(pause * random.uniform(0.5, 1.5))
                pause = min(5.0, pause * 2)

    def _leave_orphaned(self) -> None:
        """The supervisor is gone: give back what has not started and go; what runs is rescued by others."""
        self._give_back_buffer()
        if self.current is None:
            self._trying(lambda: registration.stopped(self._slot.worker_id))
        os._exit(71)


def _unstarted(item: Claim) -> Ending:
    now = timezone.now()
    return Ending(
        task_id=item.id, claim_no=item.claim_no, state=TaskState.QUEUED, started_at=now, finished_at=now,
        is_attempt_spent=False,
    )  # fmt: skip
