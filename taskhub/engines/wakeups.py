"""Waiting for news from the database: a wake-up is a hint, never the truth."""

from __future__ import annotations

import os
import select
import time
from contextlib import suppress
from enum import StrEnum
from typing import NamedTuple

from taskhub import conf


class Kind(StrEnum):
    """What a wake-up tells."""

    QUEUED = "queued"  # a task may be claimed; `queue` says where
    DUE_EARLIER = "due"  # a task was enqueued that becomes due before those known
    FINISHED = "finished"  # a task ended
    CANCEL = "cancel"  # somebody asked to cancel a running task
    SCHEDULE = "schedule"  # a schedule was changed
    CONTROL = "control"  # a queue was paused or resumed, a worker was told something
    ANY = "any"  # something changed, or nothing did: look


class Wake(NamedTuple):
    """A wake-up and the queue that it concerns, where it concerns one."""

    kind: Kind
    queue: str = ""


LOOK = Wake(Kind.ANY)


class Waiter:
    """Waits for news by looking every few milliseconds after activity and ever more rarely without it.

    This one is blind: each pause ends in a hint to look. Engines that can be told do better. One thread waits; any
    thread may call `interrupt()`.
    """

    shortest, growth = 0.004, 1.5

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.longest = min(1.0, conf.get().poll_interval)
        self._pause = self.shortest
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def wait(self, timeout: float) -> list[Wake]:
        """Return what there is news of, at the latest after `timeout` seconds (then, or when interrupted, nothing)."""
        pause, is_due = min(self._pause, timeout), self._pause <= timeout
        self._pause = min(self.longest, self._pause * self.growth)
        return [LOOK] if not self.sleep(pause) and is_due else []

    def look_often(self) -> None:
        """Begin with short pauses again: there was news, or somebody has begun to wait."""
        self._pause = self.shortest

    def sleep(self, seconds: float, *also: int) -> bool:
        """Sleep, also until a file descriptor of `also` is readable; tell whether `interrupt()` ended it."""
        ready, _, _ = select.select([self._read, *also], [], [], max(0.0, seconds))
        if self._read in ready:
            os.read(self._read, 4096)
            return True
        return False

    def interrupt(self) -> None:
        """End the current `wait()`, or the next one at once."""
        with suppress(BlockingIOError):  # full: the waiter has been told
            os.write(self._write, b"x")

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


class Debounce:
    """Merges the notifications of one process: says which of them to leave out.

    One that was left out comes at most a window after one that was sent, and whoever was woken by that one polls hot
    for two windows.
    """

    window = 0.01  # seconds

    def __init__(self) -> None:
        self._last: dict[str, float] = {}

    def should_send(self, payload: str) -> bool:
        now = time.monotonic()
        if now - self._last.get(payload, -1.0) < self.window:
            return False
        if len(self._last) > 1000:  # queue names may be made up by the site
            self._last.clear()
        self._last[payload] = now
        return True


HOT_SECONDS = 2.5 * Debounce.window
