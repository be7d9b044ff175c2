"""Clock: time passes without anybody waiting, and what it brings is done as maintenance does it."""

from __future__ import annotations

from datetime import timedelta

from taskhub import queue
from taskhub.queue.ageing import age
from workers.inline.transactions import Standing

_CHORES = (queue.promote_due, queue.expire_overdue, queue.go_on_telling, queue.open_every_gate)


def pass_time(seconds: float | timedelta) -> None:
    """Let `seconds` (or a timedelta) pass: what becomes due is queued, what is overdue expires.

    Not the clock is moved, which is the database's, but the tasks: everything that happened to them, and is going to,
    lies so much earlier.

    Raises:
        ValueError: a negative time.
    """
    passed = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
    if not 0 <= passed <= 1e10:
        raise ValueError(f"pass_time({seconds!r}): expected seconds or a timedelta, zero or more.")
    age(passed)
    keep_up()


def keep_up() -> bool:
    """Do what a worker's maintenance would have done by now; tell whether there was anything to do."""
    standing = Standing()
    was_something = False
    while sum(act() for act in _CHORES):
        was_something = True
    standing.call_hooks()
    standing.settle()
    return was_something


def seconds_to_next() -> float | None:
    """Return when the next waiting task is due, or gets a token; None where none waits for time alone."""
    times = [
        seconds for seconds in (queue.upcoming().due, queue.next_token()) if seconds is not None
    ]
    return max(0.0, min(times)) if times else None
