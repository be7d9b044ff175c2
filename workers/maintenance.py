"""Maintenance: the child that promotes, expires, fires schedules, rescues, keeps house and passes wake-ups on."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Set
from functools import partial
from typing import TypeVar

from django.db.utils import Error

from taskhub import catalog, conf, queue, schedules
from taskhub.engines import get_engine
from taskhub.engines.wakeups import Kind
from taskhub.metrics import Lookout, Recorder
from taskhub.telling import tell_offline
from workers import registration
from workers.bell import NEW_QUEUE, STOP, WORK, Bell, Lifeline
from workers.board import Board, Child, ChildState, Stop
from workers.burial import bury
from workers.heartbeat import Heartbeat
from workers.holdings import release
from workers.housekeeping import Housekeeping
from workers.messenger import Messenger
from workers.options import WorkerOptions
from workers.orders import obey
from workers.persistence import ORPHANED, limit_control_thread
from workers.prefetch import STUCK_AFTER
from workers.scheduling import Scheduling
from workers.statistics import of_worker

logger = logging.getLogger("taskhub.worker")
T = TypeVar("T")

_LOOK_EVERY = 0.1  # seconds between looks at the board while there is work
_LOOK_CLOSELY = 0.04  # while tasks run that others may be waiting behind
_LOOK_IDLY = 3.0  # while there is none
_AT_REST_AFTER = 1.0  # seconds without work


class Maintenance:
    """The chores of one worker. Each is tried again later when the database is in trouble; none stops the heartbeat."""

    def __init__(
        self, options: WorkerOptions, board: Board, lifeline: Lifeline, supervisor: Bell
    ) -> None:
        self._options, self._board, self._lifeline = options, board, lifeline
        self._bell, self._supervisor = board.maintenance.bell, supervisor
        self._parent_pid = lifeline.supervisor_pid
        self._heartbeat = Heartbeat(self._board, self._parent_pid)
        self._housekeeping = Housekeeping()
        self.scheduling = Scheduling(is_on=options.is_scheduling and not options.is_draining)
        self._metrics = Recorder()
        self._lookout = Lookout()
        self._messenger = Messenger(board, list(options.queues), self._be_awake, self._hurry)
        self._due_at = self._rescue_at = self._poll_at = self._order_at = self._woken_at = 0.0
        self._has_promoted = self._is_pause_over = False

    def run(self) -> None:
        """Do the chores until all executors are gone, then sign off."""
        limit_control_thread()
        if not self._board.worker_id:  # a maintenance child before this one has written the row
            self._board.worker_id = self._trying(
                lambda: registration.worker(self._options, self._parent_pid)
            )
        self._trying(catalog.sync)
        self._trying(schedules.sync)
        self._board.maintenance.state = ChildState.ALIVE
        self._heartbeat.start()
        self._messenger.start()
        while not self._is_over():
            self._board.maintenance.tick = time.monotonic_ns()
            self._turn()
        self._metrics.flush(get_engine(), self._board.worker_id)
        self._heartbeat.stop()
        self._messenger.stop()
        worker_id, statistics = self._board.worker_id, of_worker(self._board, self._parent_pid)
        self._trying(lambda: registration.last_words(worker_id, statistics))
        self._trying(lambda: registration.sign_off(worker_id))

    def _is_over(self) -> bool:
        self._leave_if_orphaned()
        return bool(self._board.stop) and all(
            child.state == ChildState.FREE for child in self._board.children
        )

    def _turn(self) -> None:
        for child in self._board.children:
            if child.state == ChildState.DEAD:
                self._chore(partial(self._bury, child))
            elif _is_stuck(child):
                self._chore(partial(self._relieve, child))
        self._chore(self._take_news)
        self._chore(self.scheduling.turn)
        self._chore(self._obey)
        self._chore(self._promote)
        self._chore(self._resume)
        self._chore(self._poll)
        self._chore(self._rescue)
        self._chore(self._housekeeping.turn)
        if self._metrics.is_due(time.monotonic()):
            self._metrics.flush(get_engine(), self._board.worker_id)
        if self._options.is_draining and self._is_drained():
            self._board.stop = self._board.stop or Stop.GRACEFUL
            self._board.ring_all(STOP)
        self._doze()

    # -- waiting ----------------------------------------------------------------------------------------------------

    def _doze(self) -> None:
        """Sleep until something needs a look, or the bell rings: for a death, a wake-up, the end."""
        self._bell.wait(self._nap(), self._lifeline)

    def _nap(self) -> float:
        now = time.monotonic()
        times = (self._due_at, self._poll_at, self._rescue_at, self._order_at)
        others = (self._messenger.news_at, self.scheduling.due_at, self._housekeeping.due_at)
        until = min(*others, *times) - now
        return max(0.0, min(until, self._longest_nap(now)))

    def _longest_nap(self, now: float) -> float:
        children = self._board.children
        if self._options.is_draining or self._board.stop or any(len(one.tray) for one in children):
            return _LOOK_CLOSELY
        if any(child.state == ChildState.DEAD for child in children):  # it could not be buried
            return _LOOK_EVERY
        moved_at = max(child.moved_at for child in children) / 1e9
        is_busy = any(child.running for child in children)
        if is_busy or now - max(moved_at, self._woken_at) < _AT_REST_AFTER:
            return _LOOK_EVERY
        return min(_LOOK_IDLY, conf.get().lease / 10)

    # -- chores -----------------------------------------------------------------------------------------------------

    def _promote(self) -> None:
        """Queue what is due, end what is overdue, and let in who waits for a token, at their time."""
        if time.monotonic() < self._due_at:
            return
        self._due_at = time.monotonic() + conf.get().poll_interval
        due, overdue, is_untold, is_gated, self._is_pause_over = queue.upcoming()
        moved = queue.promote_due() if due is not None and due <= 0 else 0
        moved += queue.go_on_telling() if is_untold else 0
        moved += queue.expire_overdue() if overdue is not None and overdue <= 0 else 0
        opened, token = queue.open_gates() if is_gated else (0, None)
        moved += opened
        self._has_promoted = True
        if moved:
            self._board.ring_all(WORK + NEW_QUEUE)
            self._due_at = 0.0
        else:
            next_at = min((s for s in (due, overdue, token) if s is not None), default=3600.0)
            self._due_at = min(self._due_at, time.monotonic() + max(0.01, next_at))

    def _resume(self) -> None:
        """Resume queues whose pause is over; where somebody has locked their rows, only this is late."""
        if self._is_pause_over:
            self._is_pause_over = False
            queue.resume_due()

    def _poll(self) -> None:
        """Look for queued tasks in case a wake-up was lost, for all children."""
        if time.monotonic() < self._poll_at:
            return
        self._poll_at = time.monotonic() + conf.get().poll_interval
        if names := get_engine().queued_names():
            self._board.ring_all(WORK + NEW_QUEUE)
            self._woken_at = time.monotonic()
            self._lookout.look(names)

    def _obey(self) -> None:
        """Read what an operator has told this worker: with each heartbeat, and when it is woken."""
        if time.monotonic() < self._order_at:
            return
        self._order_at = time.monotonic() + conf.get().heartbeat
        before = self._board.order
        obey(self._board, self._parent_pid)
        if self._board.order != before:
            self._woken_at = time.monotonic()

    def _rescue(self) -> None:
        now = time.monotonic()
        if now < self._rescue_at:
            return
        self._rescue_at = now + conf.get().heartbeat
        # Who could not write himself for a while may not call others dead: on SQLite a long write blocks everybody.
        if self._heartbeat.has_written_for(conf.get().heartbeat):
            for worker in queue.rescue_lost_workers(self._metrics.count):
                tell_offline(worker)

    def _bury(self, child: Child) -> None:
        bury(child, self._metrics.count, self._heartbeat.writing)
        self._supervisor.ring()  # its place is free
        self._board.ring_all(WORK)

    def _relieve(self, child: Child) -> None:
        """Give back what waits behind a task that keeps the child's own control thread from doing so."""
        if tokens := child.tray.take_all():
            self._trying(
                lambda: release(child.worker_id, f"{self._options.name}/{child.number}", tokens)
            )
            child.given_back += len(tokens)  # from now on the child asks the record
            self._board.ring_all(WORK)

    def _is_drained(self) -> bool:
        up = [child for child in self._board.children if child.state != ChildState.FREE]
        idle = all(child.state == ChildState.ALIVE and child.empty_claims >= 2 for child in up)
        return self._has_promoted and idle and bool(up) and not queue.upcoming().is_untold

    def _be_awake(self) -> None:
        """Look at the board more often from now on: a child may soon need somebody who does."""
        before, self._woken_at = self._woken_at, time.monotonic()
        if self._woken_at - before >= _AT_REST_AFTER:
            self._bell.ring()

    def _hurry(self, kinds: Set[Kind]) -> None:
        """Look at once for what is due, for an order, or for what the messenger has to find out."""
        if Kind.DUE_EARLIER in kinds:
            self._due_at = 0.0
        if Kind.CONTROL in kinds:
            self._order_at = 0.0
        if Kind.SCHEDULE in kinds:
            self.scheduling.hurry()
        self._bell.ring()

    def _take_news(self) -> None:
        if self._messenger.find_out():
            self._due_at = self._order_at = 0.0
            self.scheduling.hurry()

    # -- trouble ----------------------------------------------------------------------------------------------------

    def _chore(self, act: Callable[[], None]) -> None:
        """Do a chore once; in trouble say so and leave it for the next turn."""
        try:
            act()
        except Error as error:
            engine = get_engine()
            logger.warning(
                "A chore of the worker failed and will be tried again: %s", str(error).strip()
            )
            if not engine.is_conflict(error):
                engine.connection.close()
            self._rest()

    def _trying(self, act: Callable[[], T]) -> T:
        while True:
            try:
                return act()
            except Error as error:
                if not get_engine().is_transient(error):
                    raise
                logger.warning("The database is in trouble, trying again: %s", str(error).strip())
                get_engine().connection.close()
                self._rest()

    def _leave_if_orphaned(self) -> None:
        if self._lifeline.is_torn:
            os._exit(ORPHANED)

    def _rest(self) -> None:
        self._leave_if_orphaned()
        self._board.maintenance.tick = time.monotonic_ns()
        time.sleep(min(0.5, conf.get().lease / 10))


def _is_stuck(child: Child) -> bool:
    """Claims wait on the tray of a child whose control thread does not come to look."""
    unmoved = (time.monotonic_ns() - child.moved_at) / 1e9
    is_up = child.state == ChildState.ALIVE
    return is_up and min(unmoved, child.silence()) > STUCK_AFTER and len(child.tray) > 0
