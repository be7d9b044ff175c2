"""Transactions: those that are open around a run, as in Django's TestCase, are left as a worker's task would find them.

A worker runs a task outside of any transaction. Inside one, a savepoint before each run stands for that: an error of
the database spoils the run and not the transaction, and what `on_commit` was given is called.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import Error

logger = logging.getLogger("taskhub.inline")


@dataclass(slots=True)
class _Mark:
    """Where one connection stood: how many blocks were open and how much waited for the commit."""

    connection: BaseDatabaseWrapper
    savepoint: str | None
    depth: int
    blocks: int
    hooks: int

    @classmethod
    def of(cls, connection: BaseDatabaseWrapper) -> _Mark:
        depth, blocks = len(connection.savepoint_ids), len(connection.atomic_blocks)
        return cls(connection, connection.savepoint(), depth, blocks, len(connection.run_on_commit))

    @property
    def is_deeper(self) -> bool:
        """A block is open that was not."""
        return len(self.connection.savepoint_ids) > self.depth

    def settle(self) -> None:
        """Keep what was written, as a worker would; undo it where a block was left open or an error spoiled it."""
        connection = self.connection
        if not connection.in_atomic_block or self.savepoint is None:
            return
        if self.is_deeper or connection.needs_rollback or not _is_usable(connection):
            del connection.savepoint_ids[self.depth :]
            del connection.atomic_blocks[self.blocks :]
            connection.needs_rollback = False
            connection.savepoint_rollback(self.savepoint)
            del connection.run_on_commit[self.hooks :]
        else:
            connection.savepoint_commit(self.savepoint)

    def call_hooks(self) -> None:
        """Call what `on_commit` was given since."""
        waiting = self.connection.run_on_commit
        while len(waiting) > self.hooks and not self.is_deeper:
            entry: Any = waiting.pop(self.hooks)
            _, hook, is_robust = entry
            try:
                hook()
            except Exception:
                if not is_robust:
                    raise
                logger.exception("%r, called on commit, failed.", hook)


class Standing:
    """Where the transactions stood that are open now; where none is, nothing here does anything."""

    def __init__(self) -> None:
        self._marks = [
            _Mark.of(each)
            for each in connections.all(initialized_only=True)
            if each.in_atomic_block
        ]

    def is_deeper(self, alias: str) -> bool:
        """Tell whether a block of this database is open that was not."""
        marks = [mark for mark in self._marks if mark.connection.alias == alias]
        return marks[0].is_deeper if marks else connections[alias].in_atomic_block

    def call_hooks(self) -> None:
        """Call what `on_commit` was given since, on all databases."""
        for mark in self._marks:
            mark.call_hooks()

    def settle(self) -> None:
        """Bring all back to where they stood."""
        for mark in self._marks:
            mark.settle()


def _is_usable(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether the transaction goes on: PostgreSQL refuses everything after an error."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return False
    return True
