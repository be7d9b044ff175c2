"""Desk: where those who run tasks hand in what has ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from taskhub.context import Run
from workers.board import Slot
from workers.outbox import Done


class Desk(Protocol):
    """The control thread of a child (see `workers.control`), or who stands in for it."""

    worker_name: str
    runs: list[Run | None]

    @property
    def slots(self) -> Sequence[Slot]:
        """The places on the board."""

    def guard(self, number: int, run: Run) -> None:
        """Note on the board that slot `number` runs a claim, and how long it may: what kills must look in time."""

    def wake_to_report(self) -> None:
        """Hear that a run has something to store."""

    def hand_back(self, done: Done, *, wants_answer: bool = False) -> None:
        """Take the end of a claim."""

    def begin_hook(self, run: Run) -> None:
        """Hear that somebody is going to be told of the end of a run."""

    def end_hook(self, run: Run) -> None:
        """Hear that they have been told."""
