"""Control: the thread of a child that talks to the database: it claims, records, and watches for cancellation."""

from __future__ import annotations

import os
import threading
import time
from collections import deque

from taskhub import conf
from taskhub.context import Run
from taskhub.engines import get_engine
from taskhub.engines.rows import Claim, Ending
from taskhub.engines.wakeups import HOT_SECONDS
from taskhub.metrics import Recorder
from taskhub.queue import finish
from workers import memory, registration, vital
from workers.bell import CANCEL, NEW_QUEUE, REPORT, WORK, Lifeline
from workers.board import Board, Child, ChildState
from workers.cancellation import Cancellation
from workers.intake import Intake
from workers.interruption import Abort
from workers.options import WorkerOptions
from workers.outbox import Done, Outbox
from workers.persistence import ORPHANED, Persistence, limit_control_thread
from workers.prefetch import STUCK_AFTER
from workers.reports import Reports
from workers.tray import END

_LOOK_EVERY = 1.0  # seconds between looks while a task runs: cancellation, memory
_IDLE_SECONDS = 60.0  # without being woken; maintenance looks more often, for all children


class Control:
    """Keeps a child in claims and records what became of them, in batches, on a connection of its own."""

    def __init__(
        self,
        options: WorkerOptions,
        board: Board,
        child: Child,
        lifeline: Lifeline,
        abort: Abort,
    ) -> None:
        self.worker_name = f"{options.name}/{child.number}"
        self.runs: list[Run | None] = [None] * len(child.slots)
        self.child = child
        self._options, self._board, self._lifeline = options, board, lifeline
        self._persistence = Persistence(child, lifeline)
        self._intake = Intake(options, child, self.worker_name, self._persistence)
        self._outbox = Outbox()
        self._cancellation = Cancellation(abort, child)
        self._reports = Reports(lambda: child.worker_id)
        self._metrics = Recorder()
        self._hooks: set[Run] = set()  # of runs that have ended; each keeps its slot
        self._late: deque[Run] = deque()  # ended, and logged something since
        self._is_registered = threading.Event()
        self.is_finished = False  # everything is recorded; nothing will come
        self._is_asleep = self._is_over = self._has_outgrown = False
        self._woken_at = self._looked_at = 0.0

    # -- called by those who run tasks ------------------------------------------------------------------------------

    def start(self) -> int:
        """Start the thread; wait until this child has a Worker row, and return its id."""
        vital.start(self._run, "taskhub-control")
        self._is_registered.wait()
        return self.child.worker_id

    def take(self) -> Claim | None:
        """Wait for a claim to run; None when it is time to leave. One thread at a time may wait."""
        tray = self.child.tray
        while (token := tray.take()) is None:
            self.wake_if_asleep()
            tray.wait()
        return self._taken(token)

    def take_now(self) -> Claim | None:
        """Return a claim to run, if one lies ready."""
        token = self.child.tray.take()
        if token is None:
            self.wake_if_asleep()
        return None if token is None else self._taken(token)

    def _taken(self, token: tuple[int, int]) -> Claim | None:
        if token == END:
            self.child.tray.put([END])  # for the next who looks
            return None
        self.child.moved_at = time.monotonic_ns()
        return self._intake.claims.pop(token)

    def hand_back(self, done: Done, *, wants_answer: bool = False) -> None:
        """Take the end of a claim; wakes the thread when it has a reason to act at once."""
        if wants_answer:
            done.expect_answer()
        if self._outbox.add(done) or wants_answer:
            self.wake_if_asleep()

    def begin_hook(self, run: Run) -> None:
        """Take note that a hook is going to be called: the slot of the run is not free yet."""
        self._hooks.add(run)

    def end_hook(self, run: Run) -> None:
        """Take note that it has been called, and store what it has logged."""
        self._late.append(run)
        self._hooks.discard(run)
        self.child.bell.ring()

    def wake_to_report(self) -> None:
        """Wake the thread: a running task has something to store or to ask for."""
        self.child.bell.ring(REPORT)

    def wake_if_asleep(self) -> None:
        """Let the thread look for something to do: a slot has nothing to run, or somebody waits."""
        if self._is_asleep:
            self.child.bell.ring()

    # -- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        """Loop until told to stop and everything is recorded."""
        limit_control_thread()
        self._persistence.trying(self._register)
        while not self._is_over:
            self.child.tick = time.monotonic_ns()
            self._turn()
        self._metrics.flush(get_engine(), self.child.worker_id)
        self._persistence.trying(lambda: registration.stopped(self.child.worker_id))
        self.is_finished = True
        self.child.state = ChildState.LEAVING  # from here on nobody else takes from the tray
        self.child.tray.put([END])

    def _register(self) -> None:
        while not self._board.worker_id:
            self.child.bell.wait(0.02, self._lifeline)
            self.child.tick = time.monotonic_ns()
            if self._lifeline.is_torn:
                os._exit(ORPHANED)
        child = self.child
        child.worker_id = registration.child(self._board.worker_id, self.worker_name, child)
        child.state = ChildState.ALIVE
        self._is_registered.set()

    def _turn(self) -> None:
        self._record()
        if self._metrics.is_due(time.monotonic()):
            self._metrics.flush(get_engine(), self.child.worker_id)
        if self._lifeline.is_torn:
            self._leave_orphaned()
        if self._is_leaving():
            self._intake.give_back()
            self._is_over = not (self._intake.out or self._hooks or self._late)
        else:
            running = sum(run is not None for run in self.runs)
            self._intake.look_for_lost(running + len(self._outbox))
            self._intake.fill(taken=len(self._hooks))
        self._listen(self._nap())

    def _is_leaving(self) -> bool:
        return bool(self._board.stop) or self._intake.is_used_up or self._is_too_big()

    def _is_too_big(self) -> bool:
        limit, now = self._options.max_rss_mb, time.monotonic()
        if limit and now - self._looked_at >= _LOOK_EVERY:
            self._looked_at = now
            self._has_outgrown = memory.rss_bytes(os.getpid()) > limit << 20
        return bool(limit) and self._has_outgrown

    def _record(self) -> None:
        """Write down what has ended, and what the running tasks report."""
        batch = self._outbox.take_all()
        running = [run for run in self.runs if run is not None]
        ended = [done.run for done in batch if done.run is not None]
        ended += [self._late.popleft() for _ in range(len(self._late))]
        if running or ended:
            self._persistence.trying(lambda: self._reports.write(running, ended))
        if not batch:
            return
        self._intake.ended(len(batch))
        self._looked_at = 0.0  # a task that has ended may have left memory behind
        endings = [done.ending for done in batch if not done.is_recorded]
        recorded = {
            ending.fence: ending
            for ending in self._persistence.trying(
                lambda: finish(get_engine(), self.child.worker_id, self.worker_name, endings)
            )
        }
        for done in batch:
            ending = done.ending if done.is_recorded else recorded.get(done.ending.fence)
            self._count(done.ending)
            if ending is not None:
                self._metrics.count(done.claim, ending)
            done.answer(ending)

    def _count(self, ending: Ending) -> None:
        """Add to the statistics of this child, which leave with the heartbeat."""
        child = self.child
        seconds = ending.seconds
        self._intake.prefetch.learn(seconds)
        spent = int(seconds * 1e9)
        child.processed += 1
        child.run_ns += spent
        if spent > child.longest_ns:
            child.longest_ns = spent
        if ending.outcome == "succeeded":
            child.succeeded += 1
        elif ending.outcome == "failed":
            child.failed += 1
        elif ending.outcome == "retrying":
            child.retried += 1

    # -- waiting ----------------------------------------------------------------------------------------------------

    def _listen(self, seconds: float) -> None:
        self._is_asleep = True
        if self._outbox and not len(self.child.tray):
            seconds = 0.0  # handed over while we decided how long to sleep
        said = self._sleep(seconds)
        self._is_asleep = False
        if WORK in said or NEW_QUEUE in said:
            self._woken_at = time.monotonic()
        if NEW_QUEUE in said:
            self._intake.queues.expire()
        if runs := [run for run in self.runs if run is not None]:
            self._persistence.trying(lambda: self._cancellation.look(runs, is_told=CANCEL in said))

    def _sleep(self, seconds: float) -> bytes:
        """Wait for the bell, with signs of life; return what was said."""
        said, until = b"", time.monotonic() + seconds
        at_once = min(1.0, conf.get().lease / 10)
        while not said and not self._lifeline.is_torn:
            left = until - time.monotonic()
            said = self.child.bell.wait(min(left, at_once), self._lifeline)
            self.child.tick = time.monotonic_ns()
            if left <= at_once:
                break
        return said

    def _nap(self) -> float:
        """Return how long there is nothing to do, unless the bell rings."""
        waiting, out = len(self.child.tray), self._intake.out
        if self._is_over:
            return 0.0
        if self._outbox:
            return self._outbox.seconds_left if waiting and not self._board.stop else 0.0
        if self._late:
            return 0.0
        if waiting:
            return min(STUCK_AFTER / 2, self._until_report())
        if out:
            return self._nap_while_busy([run for run in self.runs if run is not None])
        if self._options.is_draining or time.monotonic() - self._woken_at < HOT_SECONDS:
            return HOT_SECONDS / 3
        return _IDLE_SECONDS

    def _nap_while_busy(self, runs: list[Run]) -> float:
        if not runs:
            return 0.01  # somebody is about to start it
        nap = min(_LOOK_EVERY, self._until_report())
        return min(nap, 0.1) if self._board.stop or self._cancellation.is_climbing else nap

    def _until_report(self) -> float:
        seconds = self._reports.seconds_to_next(run for run in self.runs if run is not None)
        return _IDLE_SECONDS if seconds is None else seconds

    def _leave_orphaned(self) -> None:
        """The supervisor is gone: give back what has not started and go; what runs is rescued by others."""
        self._intake.give_back()
        if not self.child.running:
            self._record()
            self._persistence.trying(lambda: registration.stopped(self.child.worker_id))
        os._exit(ORPHANED)
