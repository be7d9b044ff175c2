"""Log lines: what the last attempts of a task said."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from taskhub.engines import queue_alias
from taskhub.models import LogLine, Task

SHOWN = 300
_LEVELS = (
    (logging.ERROR, "error", "failed"),
    (logging.WARNING, "warn", "retrying"),
    (logging.INFO, "info", "info"),
)
_STATES = {"failed": "failed", "retrying": "retrying"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line with the word, the icon and the look of its level."""

    row: LogLine
    word: str
    icon: str
    look: str


@dataclass(frozen=True, slots=True)
class Attempt:
    number: int
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Log:
    attempts: list[Attempt]
    count: int
    has_more: bool


def log(task: Task) -> Log | None:
    """Return the newest lines, the last attempt first and each in its order; None where there are none."""
    rows = LogLine.objects.using(queue_alias()).filter(task=task)
    newest = list(rows.order_by("-claim_no", "-number")[: SHOWN + 1])
    if not newest:
        return None
    attempts: list[Attempt] = []
    for row in newest[:SHOWN]:
        if not attempts or attempts[-1].number != row.attempt:
            attempts.append(Attempt(row.attempt, []))
        attempts[-1].lines.insert(0, _line(row))
    return Log(attempts, len(newest[:SHOWN]), len(newest) > SHOWN)


def _line(row: LogLine) -> Line:
    for level, word, icon in _LEVELS:
        if row.level >= level:
            return Line(row, word, "alert" if icon == "retrying" else icon, _STATES.get(icon, ""))
    return Line(row, "debug", "dots", "")
