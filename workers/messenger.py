"""Messenger: passes the database's wake-ups on to the children's bells: one waiter a worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence, Set
from math import inf

from taskhub.engines import get_engine
from taskhub.engines.wakeups import Kind
from workers import vital
from workers.bell import CANCEL, LOOK, NEW_QUEUE, WORK
from workers.board import Board

_NAP = 5.0  # seconds, without news
_MERGE_NEWS = 0.05  # seconds: how often we find out what news without a name is about


class Messenger:
    """A thread of the maintenance child, which finds out itself what news without a name is about.

    `on_ring()` is called after the children have been rung; `hurry(kinds)` when something is due earlier than was
    known, a schedule was changed, somebody has given an order, or there is something to find out.
    """

    def __init__(
        self,
        board: Board,
        queues: Sequence[str],
        on_ring: Callable[[], None],
        hurry: Callable[[Set[Kind]], None],
    ) -> None:
        """Tell only of these `queues`, where there are any."""
        self._board, self._queues = board, queues
        self._on_ring, self._hurry = on_ring, hurry
        self._heard_at, self.news_at = 0.0, inf
        self._moved_at = 0
        self._known_queues: set[str] = set()
        self._is_over = False

    def start(self) -> None:
        self._waiter = get_engine().waiter()
        self._thread = vital.start(self._pass_on, "taskhub-wakeups")

    def stop(self) -> None:
        """End the thread and its connection."""
        self._is_over = True
        self._waiter.interrupt()
        self._thread.join()
        self._waiter.close()

    def _pass_on(self) -> None:
        while not self._is_over:
            if self._have_children_moved():
                self._waiter.look_often()
            wakes = self._waiter.wait(_NAP)
            if said := b"".join(self._bell_of(wake.kind, wake.queue) for wake in wakes):
                self._board.ring_all(said)  # before anything else: somebody waits
                self._on_ring()
            kinds = {wake.kind for wake in wakes}
            if Kind.ANY in kinds:
                self.news_at = self._heard_at + _MERGE_NEWS
            if kinds & {Kind.DUE_EARLIER, Kind.SCHEDULE, Kind.CONTROL, Kind.ANY}:
                self._hurry(kinds)

    def _have_children_moved(self) -> bool:
        """Tell whether a child has got work since we looked last: then more may follow."""
        before, self._moved_at = self._moved_at, max(one.moved_at for one in self._board.children)
        return self._moved_at != before

    def find_out(self) -> bool:
        """Find out what news without a name was about, beside work, if it is time; return whether it was."""
        if time.monotonic() < self.news_at:
            return False
        self.news_at, self._heard_at = inf, time.monotonic()
        new = set(get_engine().queued_names()) - self._known_queues
        self._known_queues |= new
        self._board.ring_all(WORK + NEW_QUEUE + CANCEL if new else CANCEL)
        return True

    def _bell_of(self, kind: Kind, name: str) -> bytes:
        if kind == Kind.ANY:
            return LOOK
        if kind == Kind.CANCEL:
            return CANCEL
        if kind != Kind.QUEUED or (self._queues and name not in self._queues):
            return b""
        if name in self._known_queues:
            return WORK
        self._known_queues.add(name)
        return WORK + NEW_QUEUE
