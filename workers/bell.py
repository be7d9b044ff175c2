"""Bells: one pipe for each child, made before the first fork, by which its control thread is woken."""

from __future__ import annotations

import os
import select
from contextlib import suppress

WORK = b"w"  # a task has come: look, and again in a moment, for another notification may have been merged with this
LOOK = b"l"  # something has changed: look for tasks
CANCEL = b"c"  # look whether a running task is to be cancelled
NEW_QUEUE = b"n"  # a queue has tasks that was not known
REPORT = b"r"  # a running task has something to store, or waits for an answer
STOP = b"s"  # look at the board


class Bell:
    """A pipe that anybody may ring and one thread waits at."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def ring(self, what: bytes = WORK) -> None:
        """Wake the one who waits; never blocks."""
        with suppress(BlockingIOError):  # full: it has been rung often enough
            os.write(self._write, what)

    def wait(self, seconds: float, lifeline: Lifeline | None = None) -> bytes:
        """Wait until the bell is rung or the lifeline tears, at most this long; return what was said, in no order."""
        also = [lifeline.fileno()] if lifeline is not None else []
        ready, _, _ = select.select([self._read, *also], [], [], max(0.0, seconds))
        return os.read(self._read, 65_536) if self._read in ready else b""

    @property
    def write_fd(self) -> int:
        return self._write

    def close(self) -> None:
        """Close the pipe; nobody may ring or wait any more."""
        os.close(self._read)
        os.close(self._write)


class Lifeline:
    """A pipe whose other end only the supervisor holds: its death is news at once."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self._supervisor = os.getpid()

    def hold(self) -> None:
        """In a child: let go of the supervisor's end."""
        os.close(self._write)

    @property
    def supervisor_pid(self) -> int:
        """The process that made it, and whose death it tells."""
        return self._supervisor

    @property
    def is_torn(self) -> bool:
        """The supervisor is gone."""
        return os.getppid() != self._supervisor

    def fileno(self) -> int:
        return self._read

    def close(self) -> None:
        """Close both ends, in the process that made it."""
        os.close(self._read)
        os.close(self._write)
