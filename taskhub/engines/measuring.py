"""Measuring: what the database tells of itself to whoever measures it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

from django.db.utils import Error

from taskhub.engines.base import Engine

_DURABILITY = {
    "postgresql": (
        "SELECT name, current_setting(name) FROM pg_settings WHERE name IN "
        "('fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers') ORDER BY name"
    ),
    "mysql": (
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN "
        "('innodb_flush_log_at_trx_commit', 'sync_binlog', 'log_bin', 'innodb_buffer_pool_size')"
    ),
}
_PRAGMAS = ("journal_mode", "synchronous")
_SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")
_HAS_STATEMENTS = "SELECT to_regclass('pg_stat_statements') IS NOT NULL"
_STATEMENTS = (
    "SELECT sum(calls) FROM pg_stat_statements WHERE dbid = "
    "(SELECT oid FROM pg_database WHERE datname = current_database())"
)
_TRANSACTIONS = (
    "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
)
_QUESTIONS = "SHOW GLOBAL STATUS LIKE 'Questions'"


def server(engine: Engine) -> str:
    """Return the product and its version."""
    connection: Any = engine.connection
    connection.ensure_connection()
    version = ".".join(map(str, connection.get_database_version()))
    return f"{connection.display_name} {version}"


def durability(engine: Engine) -> dict[str, str]:
    """Return the settings that say how much of a commit a crash may take."""
    with engine.connection.cursor() as cursor:
        if engine.vendor == "sqlite":
            found = {name: _first(cursor, f"PRAGMA {name}") for name in _PRAGMAS}
            found["synchronous"] = _SYNCHRONOUS[int(found["synchronous"])]
            return {name: str(value) for name, value in found.items()}
        cursor.execute(_DURABILITY[engine.vendor])
        return {str(name): str(value) for name, value in cursor.fetchall()}


class WorkDone(NamedTuple):
    """How many "statements" or "transactions" of all its clients a database has counted.

    `cost` is by how much asking twice adds to the difference.
    """

    what: str
    number: int
    cost: int


def work_done(engine: Engine) -> WorkDone | None:
    """Return what the database counts, or None where it counts nothing."""
    with engine.connection.cursor() as cursor:
        if engine.vendor == "mysql":
            return WorkDone("statements", int(_first(cursor, _QUESTIONS, column=1)), cost=1)
        if engine.vendor != "postgresql":
            return None
        if _first(cursor, _HAS_STATEMENTS):
            with suppress(Error):  # it is not loaded, or not for us
                return WorkDone("statements", int(_first(cursor, _STATEMENTS) or 0), cost=2)
        return WorkDone("transactions", int(_first(cursor, _TRANSACTIONS)), cost=2)


def _first(cursor: Any, sql: str, column: int = 0) -> Any:
    cursor.execute(sql)
    return cursor.fetchone()[column]
