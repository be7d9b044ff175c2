"""Housekeeping: what maintenance does beside its real work, in short pieces that leave the database in peace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from taskhub import queue
from taskhub.metrics import roll_up

EVERY = 60.0  # seconds between looks where there was nothing to do
ACTS = (
    roll_up,
    queue.prune,
    queue.prune_logs,
    queue.prune_workers,
    queue.prune_slots,
    queue.prune_bulk,
)


@dataclass(slots=True)
class Chore:
    """Work that is done in pieces: `act` does one, and returns how much that was."""

    act: Callable[[], int]
    due_at: float = 0.0


class Housekeeping:
    """Does one short piece of work a turn: rolls metrics up, and prunes tasks, log lines and workers.

    While there is work it goes on with it, but rests after each piece for at least as long as that took.
    """

    def __init__(self, acts: Iterable[Callable[[], int]] = ACTS) -> None:
        self._chores = [Chore(act) for act in acts]
        self._rest_until = 0.0

    @property
    def due_at(self) -> float:
        """When it wants its next turn, on the monotonic clock."""
        return max(min(chore.due_at for chore in self._chores), self._rest_until)

    def turn(self) -> None:
        """Do the piece of work that has been due for longest, if any; called a few times a second.

        Raises:
            DatabaseError: that piece is tried again at its next time.
        """
        began = time.monotonic()
        if began < self.due_at:
            return
        chore = min(self._chores, key=lambda one: one.due_at)
        chore.due_at = began + EVERY
        try:
            was_something = chore.act() > 0
        finally:
            ended = time.monotonic()
            self._rest_until = ended + (ended - began)
        if was_something:
            chore.due_at = ended
