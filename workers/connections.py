"""Connections: those of a thread that runs tasks are left by each as the next one needs them."""

from __future__ import annotations

import sqlite3
from contextlib import suppress

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import Error

_OPEN = {"INTRANS", "INERROR"}  # as psycopg calls them


def clean_up() -> None:
    """Do what Django does after a request; and let no connection be used again that is inside a transaction."""
    used = connections.all(initialized_only=True)
    if any(is_in_transaction(one) for one in used):
        forget_all()
        return
    for connection in used:
        try:
            connection.close_if_unusable_or_obsolete()
        except Error:  # some drivers mind that the task has closed their connection already
            forget(connection)


def forget_all() -> None:
    """Close all connections of the calling thread, whatever their state."""
    for connection in connections.all(initialized_only=True):
        forget(connection)


def forget(connection: BaseDatabaseWrapper) -> None:
    """Close a connection of the calling thread, whatever its state, and let Django make a new one."""
    close(connection)
    del connections[connection.alias]


def close(connection: BaseDatabaseWrapper) -> None:
    """Close a connection, whatever its state; what it has not committed is rolled back."""
    connection.in_atomic_block = False
    with suppress(Error):
        connection.close()


def is_in_transaction(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether a transaction is open, also one that was begun behind Django's back."""
    if connection.in_atomic_block or connection.needs_rollback:
        return True
    raw = connection.connection
    return raw is not None and (not connection.autocommit or _is_open(raw))


def _is_open(raw: object) -> bool:
    """Ask a driver's connection, as far as it is one that we know."""
    if (info := getattr(raw, "info", None)) is not None:  # psycopg
        return info.transaction_status.name in _OPEN
    if (status := getattr(raw, "server_status", None)) is not None:  # PyMySQL
        return bool(status & 1)
    with suppress(sqlite3.ProgrammingError):  # the task has closed it
        return bool(getattr(raw, "in_transaction", False))
    return False
