"""Shots: interrupt tasks that run in threads, by an exception that the interpreter raises there.

It arrives between two bytecodes: not inside a blocking call, but as soon as that returns.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from taskhub.context import Run
from taskhub.errors import TaskAborted, TaskTimeout
from workers import vital
from workers.bell import Bell
from workers.interruption import REPEAT, nothing

_raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
_raise_in.argtypes = [ctypes.c_ulong, ctypes.py_object]


@dataclass(slots=True)
class _Target:
    thread: int
    next_at: float
    poke: Callable[[], object]

    def fire(self, error: type[BaseException]) -> None:
        _raise_in(self.thread, error)
        self.poke()


class Shots:
    """A thread that watches the deadlines of the runs that are armed, each in a thread of its own.

    Whoever is armed may be hit at any bytecode, also in here. So its thread takes a plain lock only, which the
    interpreter enters and leaves in one step: a Condition stayed locked when a shot hit its `__enter__` (tried).
    """

    def __init__(self) -> None:
        self._armed: dict[Run, _Target] = {}
        self._lock = threading.Lock()
        self._news = Bell()
        self._is_over = False
        self._thread = vital.start(self._watch, "taskhub-shots")

    def stop(self) -> None:
        """End the thread; nobody is armed any more."""
        self._is_over = True
        self._news.ring()
        self._thread.join()
        self._news.close()

    def arm(self, run: Run, poke: Callable[[], object] = nothing) -> None:
        with self._lock:
            first = min((target.next_at for target in self._armed.values()), default=float("inf"))
            self._armed[run] = _Target(threading.get_ident(), run.deadline, poke)
            if run.deadline < first:
                self._news.ring()

    def disarm(self, run: Run) -> None:
        with self._lock:
            target = self._armed.pop(run, None)
            if target is not None:
                # A shot may be on its way: it was fired before we had the lock. Nobody fires another.
                _raise_in(target.thread, ctypes.py_object())

    def abort(self, run: Run) -> None:
        with self._lock:
            if (target := self._armed.get(run)) is not None:
                target.fire(TaskAborted)

    def _watch(self) -> None:
        while not self._is_over:
            self._news.wait(self._shoot())

    def _shoot(self) -> float:
        """Fire at whoever is late; return the seconds until the next one will be."""
        with self._lock:
            now = time.monotonic()
            for target in self._armed.values():
                if target.next_at <= now:
                    target.next_at = now + REPEAT
                    target.fire(TaskTimeout)
            first = min((target.next_at for target in self._armed.values()), default=now + 3600)
        return max(0.0, first - now)
