"""Deadline: what a person waits for is cut off by the database when it takes too long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.db.utils import Error

from taskhub.engines.session import Session

_LOOK_EVERY = 20_000  # instructions of SQLite's virtual machine


class TooSlow(Exception):
    """The database was still busy when the time was over."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"not done within {seconds:g} s")
        self.seconds = seconds


class Deadline(Session):
    """A block of statements that ends in time. This one is SQLite's; it opens no transaction."""

    cut_off: ClassVar[frozenset[str]] = frozenset({"SQLITE_INTERRUPT"})

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Let no statement of the block take longer.

        Raises:
            TooSlow: one did.
        """
        try:
            with self._statement_limit(seconds):
                yield
        except Error as error:
            if self.code_of(error) in self.cut_off:
                raise TooSlow(seconds) from error
            raise

    @contextmanager
    def _statement_limit(self, seconds: float) -> Iterator[None]:
        self.connection.ensure_connection()
        raw: Any = self.connection.connection
        until = time.monotonic() + seconds
        raw.set_progress_handler(lambda: time.monotonic() > until, _LOOK_EVERY)
        try:
            yield
        finally:
            raw.set_progress_handler(None, 0)
