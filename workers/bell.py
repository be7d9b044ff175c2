"""Bells: one pipe for each child, made before the first fork, by which its control thread is woken."""

from __future__ import annotations

import os
import select
from contextlib import suppress

WORK = b"w"  # look for tasks
CANCEL = b"c"  # look whether a running task is to be cancelled
NEW_QUEUE = b"n"  # a queue has tasks that was not known
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

    def wait(self, seconds: float) -> bytes:
        """Wait until the bell is rung, at most this long; return what was said, in no particular order."""
        if not select.select([self._read], [], [], max(0.0, seconds))[0]:
            return b""
        return os.read(self._read, 65_536)

    @property
    def write_fd(self) -> int:
        return self._write
