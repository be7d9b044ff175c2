"""Capture: the newest lines of one attempt's log, on their way from the task to the database."""

from __future__ import annotations

import bisect
import itertools
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from taskhub import conf
from taskhub.text import storable

_MAX_LINE = 8_000  # characters; a traceback of some eighty frames


class Line(NamedTuple):
    """One line; `number` counts on when lines are dropped, so that a gap tells how many."""

    number: int
    at: datetime
    level: int
    logger: str
    message: str


@dataclass(frozen=True, slots=True)
class Pending:
    """What is to be written: new lines, and the number up to which lines written earlier have been pushed out."""

    lines: list[Line]
    pushed_out: int = 0


class Capture:
    """Bounded by TASKHUB["LOG_LINES"] and TASKHUB["LOG_BYTES"]; the newest lines stay.

    Any thread adds, one thread writes. There is no lock: the exception of a timeout, which may be raised in a task at
    any place, could leave one taken for ever.
    """

    def __init__(self) -> None:
        settings = conf.get()
        self._most, self._most_bytes = settings.log_lines, settings.log_bytes
        self._longest = min(_MAX_LINE, self._most_bytes // 4)  # a character has at most four bytes
        self._numbers = itertools.count(1)
        self._new: deque[Line] = deque(maxlen=self._most)
        self._unwritten: list[Line] = []
        self._kept: list[tuple[int, int]] = []  # number and bytes of each line that stays
        self._bytes = 0
        self._first_written = 0  # the oldest line that is in the database; 0: none

    def add(self, at: datetime, level: int, logger: str, message: str) -> bool:
        """Add a line; what is too long loses its middle. Returns whether it is the first that waits to be taken."""
        text = storable(message, self._longest)
        self._new.append(Line(next(self._numbers), at, level, storable(logger, 100), text))
        return len(self._new) == 1

    @property
    def is_pending(self) -> bool:
        """There are lines that have not been written."""
        return bool(self._new or self._unwritten)

    def pending(self) -> Pending:
        """Return what is to be written; the same again, and what was added, until `written` is called."""
        self._take_in()
        oldest = self._kept[0][0] if self._kept else 0
        self._unwritten = [line for line in self._unwritten if line.number >= oldest]
        is_pushing = 0 < self._first_written < oldest
        return Pending(list(self._unwritten), oldest - 1 if is_pushing else 0)

    def written(self, pending: Pending) -> None:
        """Take note that this is in the database."""
        if not pending.lines:
            return
        del self._unwritten[: len(pending.lines)]
        self._first_written = (
            pending.pushed_out + 1
            if pending.pushed_out
            else self._first_written or pending.lines[0].number
        )

    def _take_in(self) -> None:
        for _ in range(len(self._new)):  # not until it is empty: the task may be faster than we are
            line = self._new.popleft()
            size = len(line.message.encode())
            self._bytes += size
            bisect.insort(self._kept, (line.number, size))  # two threads may add in another order
            bisect.insort(self._unwritten, line)
        while len(self._kept) > self._most or self._bytes > self._most_bytes:
            self._bytes -= self._kept.pop(0)[1]


def formatted(message: object, args: tuple[object, ...]) -> str:
    """Format as `logging` does; a mistake in a log line does not fail the task."""
    if not args:
        return str(message)
    try:
        return str(message) % args
    except (TypeError, ValueError):
        return f"{message} {args}"
