"""Control: the thread of a child that talks to the database: it claims, records, and watches for cancellation."""

from __future__ import annotations

import os
import threading
import time

from taskhub.context import Run
from taskhub.engines.rows import Claim
from workers import registration, vital
from workers.bell import CANCEL, NEW_QUEUE, REPORT, Lifeline
from workers.board import Board, Child, ChildState, Order, Slot
from workers.cancellation import Cancellation
from workers.intake import Intake
from workers.interruption import Abort
from workers.memory import Growth
from workers.napping import Napping
from workers.options import WorkerOptions
from workers.outbox import Done
from workers.persistence import ORPHANED, Persistence, limit_control_thread
from workers.recording import Recording
from workers.tray import END


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
        self._is_pool = len(child.slots) > 1
        self._board, self._lifeline = board, lifeline
        self._persistence = Persistence(child, lifeline)
        self._intake = Intake(options, board, child, self.worker_name, self._persistence)
        self._holdings = self._intake.holdings
        self._recording = Recording(child, self.worker_name, self.runs, self._persistence)
        self._outbox = self._recording.outbox
        self._cancellation = Cancellation(abort, child)
        self._napping = Napping(
            options, board, child, lifeline, self._intake, self._recording, self._cancellation
        )
        self._growth = Growth(options.max_rss_mb)
        self._hooks: set[Run] = set()  # of runs that have ended; each keeps its slot
        self._is_registered = threading.Event()
        self.is_finished = False  # everything is recorded; nothing will come
        self._is_asleep = self._is_over = False

    @property
    def slots(self) -> list[Slot]:
        """The child's slots on the board."""
        return self.child.slots

    # -- called by those who run tasks ------------------------------------------------------------------------------

    def start(self) -> int:
        """Start the thread; wait until this child has a Worker row, and return its id."""
        self._thread = vital.start(self._run, "taskhub-control")
        self._is_registered.wait()
        return self.child.worker_id

    def join(self) -> None:
        """Wait until the thread has ended, which it does when nothing is left to record."""
        self._thread.join()

    def give_up(self) -> None:
        """Let those go who wait for the thread, because it is gone."""
        self._is_registered.set()
        self.is_finished = True
        self.child.tray.put([END])

    def take(self) -> Claim | None:
        """Wait for a claim to run; None when it is time to leave. One thread at a time may wait."""
        while True:
            if (claim := self.take_now()) is not None:
                return claim
            if self.is_finished:
                return None
            self.child.tray.wait()

    def take_now(self) -> Claim | None:
        """Return a claim to run, if one lies ready."""
        tray = self.child.tray
        while (token := tray.take()) is not None:
            if token == END:
                tray.put([END])  # for the next who looks
                return None
            if (claim := self._holdings.take(token)) is not None:
                self.child.moved_at = time.monotonic_ns()
                return claim
        self.wake_if_asleep()
        return None

    def hand_back(self, done: Done, *, wants_answer: bool = False) -> None:
        """Take the end of a claim; wakes the thread when it has a reason to act at once."""
        if wants_answer:
            done.expect_answer()
        if self._outbox.add(done) or wants_answer or (self._is_pool and self._intake.is_low()):
            self.wake_if_asleep()  # a child of one slot looks for its next task itself

    def begin_hook(self, run: Run) -> None:
        """Take note that a hook is going to be called: the slot of the run is not free yet."""
        self._hooks.add(run)

    def end_hook(self, run: Run) -> None:
        """Take note that it has been called, and store what it has logged."""
        if run.log is not None and run.log.is_pending:
            self._recording.add_late(run)
        self._hooks.discard(run)
        self.child.bell.ring()

    def guard(self, number: int, run: Run) -> None:
        """Note that a slot runs a claim, and let the supervisor look for its deadline."""
        deadline = run.deadline + run.definition.timeout_grace
        self.child.slots[number].begin(*run.claim.fence, deadline)
        self._board.wake_supervisor()

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
        self._recording.flush_metrics(only_if_due=False)
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
        self._recording.flush_metrics()
        if self._lifeline.is_torn:
            self._leave_orphaned()
        self._holdings.settle_if_unsure()
        if self._is_leaving():
            self._holdings.give_back()
            self._is_over = not (self._holdings or self._hooks or self._recording.is_late)
        elif self._board.order == Order.QUIET:
            self._holdings.give_back()
        else:
            self._holdings.look_for_lost(len(self._recording.running) + len(self._outbox))
            self._intake.fill(taken=len(self._hooks))
        self._listen(0.0 if self._is_over else self._napping.seconds())

    def _is_leaving(self) -> bool:
        return bool(self._board.stop) or self._intake.is_used_up or self._growth.is_too_big

    def _record(self) -> None:
        if ended := self._recording.write():
            self._intake.ended(ended)
            self._growth.look_again()

    def _listen(self, seconds: float) -> None:
        self._is_asleep = True
        if self._outbox and not len(self.child.tray):
            seconds = 0.0  # handed over while we decided how long to sleep
        said = self._napping.sleep(seconds)
        self._is_asleep = False
        if NEW_QUEUE in said:
            self._intake.queues.expire()
        if runs := self._recording.running:
            self._persistence.trying(lambda: self._cancellation.look(runs, is_told=CANCEL in said))

    def _leave_orphaned(self) -> None:
        """The supervisor is gone: give back what has not started and go; what runs is rescued by others."""
        self._holdings.give_back()
        if not self.child.running:
            self._record()
            self._persistence.trying(lambda: registration.stopped(self.child.worker_id))
        os._exit(ORPHANED)
