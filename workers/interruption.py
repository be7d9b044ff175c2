"""Interruption: how a running task is told that its time is over, or that it is to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from taskhub.context import Run
from taskhub.errors import TaskAborted, TaskTimeout

REPEAT = 0.25  # seconds: a shot raised inside __del__ or a logging handler is swallowed, so it is fired again


Abort = Callable[
    [Run], None
]  # interrupts a run with TaskAborted if it still runs; from any thread, repeatedly


def nothing() -> None:
    """Poke nobody."""


class Interrupter(Protocol):
    """Guards runs from the moment they are armed until they are disarmed; no shot hits anything else."""

    def arm(self, run: Run, poke: Callable[[], object] = nothing) -> None:
        """Begin to guard a run; called where it runs, right before user code. `poke` ends a wait of its event loop."""

    def disarm(self, run: Run) -> None:
        """End the guard; called right after user code, again after an exception, which may be our own."""


@contextmanager
def armed(interrupter: Interrupter, run: Run) -> Iterator[None]:
    """Guard a run in this block."""
    try:
        interrupter.arm(run)
        yield
    finally:
        interrupter.disarm(run)


def too_late(run: Run) -> TaskTimeout:
    """Return the exception that tells a task of its timeout."""
    return TaskTimeout(f"The task ran longer than its timeout of {run.definition.timeout:g} s.")


def asked_to_stop() -> TaskAborted:
    """Return the exception that tells a task of its cancellation."""
    return TaskAborted("The task was asked to stop.")
