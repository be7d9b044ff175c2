"""Maintenance: the child that promotes, expires, rescues, keeps house and passes wake-ups on."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from django.db.utils import Error

from taskhub import catalog, conf, queue
from taskhub.engines import get_engine
from taskhub.engines.wakeups import Kind, Waiter
from taskhub.metrics import Recorder
from taskhub.models import Worker
from taskhub.signals import worker_offline
from workers import registration, vital
from workers.bell import CANCEL, NEW_QUEUE, STOP, WORK, Lifeline
from workers.board import Board, Child, ChildState, Stop
from workers.burial import bury
from workers.heartbeat import Heartbeat
from workers.housekeeping import Housekeeping
from workers.intake import release
from workers.options import WorkerOptions
from workers.persistence import ORPHANED, limit_control_thread
from workers.prefetch import STUCK_AFTER
from workers.statistics import of_worker

logger = logging.getLogger("taskhub.worker")
T = TypeVar("T")

_LOOK_EVERY = 0.1  # seconds between looks at the board
_LOOK_CLOSELY = 0.04  # while tasks run that others may be waiting behind


class Maintenance:
    """The chores of one worker. Each is tried again later when the database is in trouble; none stops the heartbeat."""

    def __init__(self, options: WorkerOptions, board: Board, lifeline: Lifeline) -> None:
        self._options, self._board, self._lifeline = options, board, lifeline
        self._parent_pid = os.getppid()
        self._heartbeat = Heartbeat(self._board)
        self._housekeeping = Housekeeping()
        self._metrics = Recorder()
        self._wake = threading.Event()
        self._known_queues: set[str] = set()
        self._due_at = self._rescue_at = self._poll_at = 0.0
        self._has_promoted = False

    def run(self) -> None:
        """Do the chores until all executors are gone, then sign off."""
        limit_control_thread()
        if not self._board.worker_id:  # a maintenance child before this one has written the row
            self._board.worker_id = self._trying(
                lambda: registration.worker(self._options, self._parent_pid)
            )
        self._trying(catalog.sync)
        self._board.maintenance.state = ChildState.ALIVE
        self._heartbeat.start()
        vital.start(self._pass_on, "taskhub-wakeups")
        while not self._is_over():
            self._board.maintenance.tick = time.monotonic_ns()
            self._turn()
        self._metrics.flush(get_engine(), self._board.worker_id)
        self._heartbeat.stop()
        worker_id, statistics = self._board.worker_id, of_worker(self._board, self._parent_pid)
        self._trying(lambda: registration.last_words(worker_id, statistics))
        self._trying(lambda: registration.stopped(worker_id))

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
        self._chore(self._promote)
        self._chore(self._poll)
        self._chore(self._rescue)
        self._chore(self._housekeeping.turn)
        if self._metrics.is_due(time.monotonic()):
            self._metrics.flush(get_engine(), self._board.worker_id)
        if self._options.is_draining and self._is_drained():
            self._board.stop = self._board.stop or Stop.GRACEFUL
            self._ring_all(STOP)
        self._wake.wait(self._nap())
        self._wake.clear()

    def _nap(self) -> float:
        is_busy = any(len(child.tray) for child in self._board.children)
        is_hurried = is_busy or self._options.is_draining or self._board.stop
        longest = _LOOK_CLOSELY if is_hurried else _LOOK_EVERY
        return max(0.0, min(longest, self._due_at - time.monotonic()))

    # -- chores -----------------------------------------------------------------------------------------------------

    def _promote(self) -> None:
        """Queue what is due and end what is overdue, at their time."""
        if time.monotonic() < self._due_at:
            return
        self._due_at = time.monotonic() + conf.get().poll_interval
        due, overdue = queue.upcoming()
        moved = queue.promote_due() if due is not None and due <= 0 else 0
        moved += queue.expire_overdue() if overdue is not None and overdue <= 0 else 0
        self._has_promoted = True
        if moved:
            self._ring_all(WORK + NEW_QUEUE)
            self._due_at = 0.0
        else:
            next_at = min((s for s in (due, overdue) if s is not None), default=3600.0)
            self._due_at = min(self._due_at, time.monotonic() + max(0.01, next_at))

    def _poll(self) -> None:
        """Look for queued tasks in case a wake-up was lost: one look for all children."""
        if time.monotonic() < self._poll_at:
            return
        self._poll_at = time.monotonic() + conf.get().poll_interval
        if get_engine().queued_names():
            self._ring_all(WORK + NEW_QUEUE)

    def _rescue(self) -> None:
        now = time.monotonic()
        if now < self._rescue_at:
            return
        self._rescue_at = now + conf.get().heartbeat
        # Who could not write himself for a while may not call others dead: on SQLite a long write blocks everybody.
        if self._heartbeat.has_written_for(conf.get().heartbeat):
            for worker in queue.rescue_lost_workers(self._metrics.count):
                worker_offline.send_robust(sender=Worker, worker=worker)

    def _bury(self, child: Child) -> None:
        bury(self._board, child, self._metrics.count)
        self._ring_all(WORK)

    def _relieve(self, child: Child) -> None:
        """Give back what waits behind a task that keeps the child's own control thread from doing so."""
        if tokens := child.tray.take_all():
            child.given_back += len(tokens)
            self._trying(
                lambda: release(child.worker_id, f"{self._options.name}/{child.number}", tokens)
            )
            self._ring_all(WORK)

    def _is_drained(self) -> bool:
        up = [child for child in self._board.children if child.state != ChildState.FREE]
        idle = all(child.state == ChildState.ALIVE and child.empty_claims >= 2 for child in up)
        return self._has_promoted and idle and bool(up)

    # -- wake-ups ---------------------------------------------------------------------------------------------------

    def _pass_on(self) -> None:
        """Wait for the database's wake-ups and ring the children's bells: one waiter a worker."""
        waiter: Waiter = get_engine().waiter()
        while True:
            wakes = waiter.wait(1.0)
            said = b""
            for wake in wakes:
                said += self._bell_of(wake.kind, wake.queue)
            if any(wake.kind in (Kind.DUE_EARLIER, Kind.ANY) for wake in wakes):
                self._due_at = 0.0
                self._wake.set()
            if said:
                self._ring_all(said)

    def _bell_of(self, kind: Kind, name: str) -> bytes:
        if kind == Kind.ANY:
            return WORK + CANCEL + NEW_QUEUE
        if kind == Kind.CANCEL:
            return CANCEL
        if kind != Kind.QUEUED or (self._options.queues and name not in self._options.queues):
            return b""
        if name in self._known_queues:
            return WORK
        self._known_queues.add(name)
        return WORK + NEW_QUEUE

    def _ring_all(self, what: bytes) -> None:
        for child in self._board.children:
            child.bell.ring(what)

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
        self._wake.wait(min(0.5, conf.get().lease / 10))


def _is_stuck(child: Child) -> bool:
    """Claims wait on the tray of a child whose control thread does not come to look."""
    unmoved = (time.monotonic_ns() - child.moved_at) / 1e9
    is_up = child.state == ChildState.ALIVE
    return is_up and min(unmoved, child.silence()) > STUCK_AFTER and len(child.tray) > 0
