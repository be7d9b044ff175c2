"""Outbox: the ends of runs on their way to the database."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field

from taskhub.context import Run
from taskhub.engines.rows import Claim, Ending

FLUSH_AT = 200  # outcomes


@dataclass(slots=True, eq=False)
class Done:
    """The end of a claim, with its run where there was one; `recorded` is how the database has it."""

    claim: Claim
    ending: Ending
    run: Run | None = None
    is_recorded: bool = False
    recorded: Ending | None = None
    at: float = field(default_factory=time.monotonic)
    _answer: threading.Event | None = None  # made only where somebody waits for it

    def expect_answer(self) -> None:
        self._answer = threading.Event()

    def wait(self) -> Ending | None:
        """Wait until it is recorded; return how, or None where the fence did not hold."""
        if self._answer is not None:
            self._answer.wait()
        return self.recorded

    def answer(self, recorded: Ending | None) -> None:
        self.recorded = recorded
        if self._answer is not None:
            self._answer.set()


class Outbox:
    """Filled by those who run tasks, emptied by the control thread."""

    def __init__(self) -> None:
        self._ends: deque[Done] = deque()

    def add(self, done: Done) -> bool:
        """Add an end; tell whether it should be recorded at once."""
        self._ends.append(done)
        return len(self._ends) >= FLUSH_AT

    def take_all(self) -> list[Done]:
        """Take what is there, oldest first."""
        return [self._ends.popleft() for _ in range(len(self._ends))]

    def __len__(self) -> int:
        return len(self._ends)

    def seconds_left(self, patience: float) -> float:
        """How long the oldest may still wait, of `patience` seconds in all."""
        return max(0.0, self._ends[0].at + patience - time.monotonic())
