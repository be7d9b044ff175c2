"""Maintenance: the child that promotes, expires, rescues and passes wake-ups on."""

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
from taskhub.models import Worker
from taskhub.queue.announce import announce_finished
from taskhub.queue.ladder import note_killed
from taskhub.queue.rescue import Cause
from taskhub.signals import worker_offline
from workers import registration, vital
from workers.bell import CANCEL, NEW_QUEUE, STOP, WORK, Bell
from workers.board import Board, Death, Slot, SlotState, Stop
from workers.heartbeat import Heartbeat
from workers.options import WorkerOptions

logger = logging.getLogger("taskhub.worker")
T = TypeVar("T")

_CAUSES = {
    Death.UNKNOWN: Cause.LOST,
    Death.TIMEOUT: Cause.TIMEOUT,
    Death.CANCEL: Cause.CANCELLED,
    Death.SHUTDOWN: Cause.RELEASED,
}


class Maintenance:
    """The chores of one worker. Each is tried again later when the database is in trouble; none stops the heartbeat."""

    def __init__(self, options: WorkerOptions, board: Board, bells: list[Bell]) -> None:
        self._options, self._board, self._bells = options, board, bells
        self._parent_pid = os.getppid()
        self._heartbeat: Heartbeat | None = None
        self._wake = threading.Event()
        self._known_queues: set[str] = set()
        self._due_at = 0.0
        self._rescue_at = 0.0
        self._has_promoted = False

    def run(self) -> None:
        """Do the chores until all executors are gone, then sign off."""
        if not self._board.worker_id:  # a maintenance child before this one has written the row
            self._board.worker_id = self._trying(
                lambda: registration.worker(self._options, self._parent_pid)
            )
        self._trying(catalog.sync)
        self._board.maintenance.state = SlotState.ALIVE
        self._heartbeat = Heartbeat(self._board)
        self._heartbeat.start()
        vital.start(self._pass_on, "taskhub-wakeups")
        while not self._is_over():
            self._board.maintenance.tick = time.monotonic_ns()
            self._turn()
        self._heartbeat.stop()
        self._trying(lambda: registration.stopped(self._board.worker_id))

    def _is_over(self) -> bool:
        if os.getppid() != self._parent_pid:
            os._exit(71)
        return bool(self._board.stop) and all(
            slot.state == SlotState.FREE for slot in self._board.executors
        )

    def _turn(self) -> None:
        for slot in self._board.executors:
            if slot.state == SlotState.DEAD:
                self._chore(partial(self._bury, slot))
        self._chore(self._promote)
        self._chore(self._rescue)
        if self._options.is_draining and self._is_drained():
            self._board.stop = self._board.stop or Stop.GRACEFUL
            self._ring_all(STOP)
        self._wake.wait(self._nap())
        self._wake.clear()

    def _nap(self) -> float:
        longest = 0.05 if self._options.is_draining or self._board.stop else 0.1
        return max(0.0, min(longest, self._due_at - time.monotonic()))

    # -- chores -----------------------------------------------------------------------------------------------------

    def _promote(self) -> None:
        if time.monotonic() < self._due_at:
            return
        self._due_at = time.monotonic() + conf.get().poll_interval
        moved = queue.promote_due()
        moved += queue.expire_overdue()
        self._has_promoted = True
        if moved:
            self._ring_all(WORK + NEW_QUEUE)
        seconds = 0.0 if moved else queue.next_due()
        if seconds is not None:
            self._due_at = min(self._due_at, time.monotonic() + max(0.0, seconds))

    def _rescue(self) -> None:
        now = time.monotonic()
        if now < self._rescue_at:
            return
        self._rescue_at = now + conf.get().heartbeat
        # Who could not write himself for a while may not call others dead: on SQLite a long write blocks everybody.
        if self._heartbeat is not None and self._heartbeat.has_written_for(conf.get().heartbeat):
            for worker in queue.rescue_lost_workers():
                worker_offline.send_robust(sender=Worker, worker=worker)

    def _bury(self, slot: Slot) -> None:
        """Rescue what a dead child of ours held, then free its place."""
        if slot.worker_id:
            child = Worker.objects.using(get_engine().alias).get(pk=slot.worker_id)
            cause = _CAUSES[Death(slot.death)]
            if cause == Cause.CANCELLED:
                note_killed(slot.task_id, slot.claim_no)
            endings = queue.rescue_child(child, {slot.task_id}, _how(slot), cause)
            announce_finished([ending.task_id for ending in endings if ending.state.is_finished])
        slot.clear()
        self._ring_all(WORK)

    def _is_drained(self) -> bool:
        slots = [slot for slot in self._board.executors if slot.state != SlotState.FREE]
        idle = all(slot.state == SlotState.ALIVE and slot.empty_claims >= 2 for slot in slots)
        return self._has_promoted and idle and bool(slots)

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
        for bell in self._bells[1:]:
            bell.ring(what)

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
            self._wake.wait(0.5)

    def _trying(self, act: Callable[[], T]) -> T:
        while True:
            try:
                return act()
            except Error as error:
                if not get_engine().is_transient(error):
                    raise
                logger.warning("The database is in trouble, trying again: %s", str(error).strip())
                get_engine().connection.close()
                self._wake.wait(0.5)


def _how(slot: Slot) -> str:
    """Say how a child died, as the sentence "The worker …." goes on."""
    if slot.death == Death.TIMEOUT:
        return "was killed: the task did not leave within its timeout and grace"
    if slot.death == Death.CANCEL:
        return "was killed: the task was cancelled and did not leave within its grace"
    if slot.death == Death.SHUTDOWN:
        return "was stopped while the task ran"
    code = slot.exit_code
    return f"was killed by signal {-code}" if code < 0 else f"died with exit code {code}"
