"""Turns: the processes of taskhub that write to one SQLite file queue up at a lock of their own."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cache
from pathlib import Path

from taskhub.engines.sqlite_file import path_of

_SHORTEST, _LONGEST = 0.0002, 0.002  # seconds between two attempts
PATIENCE = 0.25  # seconds: who has not got his turn by then writes all the same
_DISTRUST = 1.0  # seconds in which nobody in this process waits again


class Turns:
    """A lock on a file beside the database, for the time of one write; `with` takes it.

    It is a courtesy: SQLite's own lock goes on deciding who writes. Who finds that one taken sleeps for up to 100 ms,
    though, and whoever comes by meanwhile goes first. The kernel ends the turn of a process that dies.
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}-turn")
        self._own = _Own()
        self._distrusted_until = 0.0

    def __enter__(self) -> None:
        own = self._own
        if own.pid != os.getpid():
            own.pid, own.file = os.getpid(), _open(self._path)
        if own.file is not None and not _take(own.file.number):
            self._wait(own.file.number)

    def __exit__(self, *error: object) -> None:
        if self._own.file is not None:
            fcntl.flock(self._own.file.number, fcntl.LOCK_UN)

    def _wait(self, file: int) -> None:
        began = now = time.monotonic()
        if now < self._distrusted_until:
            return
        while now - began < PATIENCE:
            time.sleep(min(_LONGEST, max(_SHORTEST, (now - began) / 4)))
            if _take(file):
                return
            now = time.monotonic()
        self._distrusted_until = now + _DISTRUST


NONE: AbstractContextManager[None] = nullcontext()


@cache
def of(name: object) -> AbstractContextManager[None]:
    """Return the turns of a database, by what DATABASES calls it."""
    path = path_of(name)
    return NONE if path is None else Turns(path)


class _Own(threading.local):
    """A thread's file: a lock belongs to an opened file, and one that was opened before a fork is the parent's too."""

    pid: int | None = None
    file: _File | None = None


class _File:
    """An open file that is closed with its thread."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        close(self.number)


def _open(path: Path) -> _File | None:
    """Open the file for whoever may read the database; None where none can be made, or locked."""
    with suppress(OSError):
        file = _File(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666))
        fcntl.flock(file.number, fcntl.LOCK_UN)  # raises where the file system has no locks
        return file
    return None


def _take(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
