"""Changes: waits until another connection has committed something to a SQLite database."""

from __future__ import annotations

import sqlite3
import time
from contextlib import suppress

from django.db.backends.base.base import BaseDatabaseWrapper

from taskhub.engines.sqlite_file import path_of
from taskhub.engines.wakeups import LOOK, Debounce, Waiter, Wake
from taskhub.engines.watch import FileWatch


class Changes(Waiter):
    """Looks at SQLite's change counter, which other connections' commits move: no query, no lock, no disk.

    Where the kernel tells of writes to the file, it looks when told, and a few times after that: what is written counts
    from the commit on. Elsewhere it looks up to 50 times a second. Changes that follow at once are told together.
    """

    longest_look = 0.02  # seconds, where nobody tells
    first_look, slowest_look = (
        0.0003,
        0.1,
    )  # seconds after a write: growing pauses until it is committed
    unheeded = 0.002  # shorter pauses are not ended by the next write
    look_anyway = 0.25  # seconds between looks where nothing was told
    deaf_after = (
        1.0  # seconds between a write and its commit at which we do not believe in that write
    )

    def __init__(self, alias: str, connection: BaseDatabaseWrapper) -> None:
        super().__init__(alias)
        self.longest = self.longest_look
        self._watch = _watch(connection)
        self._told_at = self._quiet_until = 0.0
        self._database: sqlite3.Connection = connection.Database.connect(  # type: ignore[attr-defined]
            **{**connection.get_connection_params(), "check_same_thread": False}
        )
        self._seen = self._version()
        self.look_often()

    def wait(self, timeout: float) -> list[Wake]:
        now = time.monotonic()
        until = now + timeout
        if self.sleep(min(timeout, self._quiet_until - now)):
            return []
        while True:
            if self._has_changed():
                return [LOOK]
            left = until - time.monotonic()
            if left <= 0 or self._rest(left):
                return []

    def look_often(self) -> None:
        self._pause = self.shortest if self._watch is None else self.first_look

    def close(self) -> None:
        self._database.close()
        if self._watch is not None:
            self._watch.close()
        super().close()

    def _has_changed(self) -> bool:
        self._listen()
        version = self._version()
        if version == self._seen:
            return False
        self._seen = version
        now = time.monotonic()
        self._listen()  # told after the look before
        if self._watch is not None and now - self._told_at > self.deaf_after:
            self._watch.close()  # somebody writes whom the kernel does not see: on another machine, perhaps
            self._watch = None
        self._quiet_until = now + Debounce.window
        self.look_often()
        return True

    def _listen(self) -> None:
        if self._watch is not None and self._watch.was_touched():
            self._told_at = time.monotonic()
            self._pause = self.first_look

    def _rest(self, longest: float) -> bool:
        """Sleep until it is time for another look; tell whether that was interrupted."""
        pause, watch = self._pause, self._watch
        if watch is None:
            self._pause = min(self.longest, pause * self.growth)
            return self.sleep(min(pause, longest))
        if pause > self.slowest_look:
            return self.sleep(min(self.look_anyway, longest), watch.fileno())
        self._pause = pause * 2
        also = [watch.fileno()] if pause >= self.unheeded else []
        return self.sleep(min(pause, longest), *also)

    def _version(self) -> int:
        return int(self._database.execute("PRAGMA data_version").fetchone()[0])


def _watch(connection: BaseDatabaseWrapper) -> FileWatch | None:
    path = path_of(connection.settings_dict["NAME"])
    if path is not None:
        with suppress(OSError):
            return FileWatch(path)
    return None
