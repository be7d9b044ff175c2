"""Shots: interrupt tasks that run in threads, by an exception that the interpreter raises there.

It arrives between two bytecodes: not inside a blocking call, but as soon as that returns.
"""

from __future__ import annotations

import ctypes
import threading
import time

from taskhub.context import Run
from taskhub.errors import TaskAborted, TaskTimeout
from workers import vital
from workers.interruption import REPEAT

_raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
_raise_in.argtypes = [ctypes.c_ulong, ctypes.py_object]


class Shots:
    """A thread that watches the deadlines of the runs that are armed, each in a thread of its own."""

    def __init__(self) -> None:
        self._armed: dict[Run, int] = {}  # run → ident of its thread
        self._next: dict[Run, float] = {}  # run → when to shoot
        self._changed = threading.Condition()
        vital.start(self._watch, "taskhub-shots")

    def arm(self, run: Run) -> None:
        with self._changed:
            is_first = run.deadline < min(self._next.values(), default=float("inf"))
            self._armed[run], self._next[run] = threading.get_ident(), run.deadline
            if is_first:
                self._changed.notify()

    def disarm(self, run: Run) -> None:
        with self._changed:
            ident = self._armed.pop(run, None)
            self._next.pop(run, None)
            if ident is not None:
                # A shot may be on its way: it was fired before we had the lock. Nobody fires another.
                _raise_in(ident, ctypes.py_object())

    def abort(self, run: Run) -> None:
        with self._changed:
            self._fire(run, TaskAborted)

    def _watch(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for run in [run for run, at in self._next.items() if at <= now]:
                    self._next[run] = now + REPEAT
                    self._fire(run, TaskTimeout)
                first = min(self._next.values(), default=None)
                self._changed.wait(None if first is None else max(0.0, first - now))

    def _fire(self, run: Run, error: type[BaseException]) -> None:
        if (ident := self._armed.get(run)) is not None:
            _raise_in(ident, error)
