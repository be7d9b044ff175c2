"""What differs per database: one engine each for PostgreSQL, SQLite and MySQL/MariaDB. All SQL text lives here."""

from __future__ import annotations

from functools import cache

from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router

from taskhub.engines.base import Engine
from taskhub.models import Task


def queue_alias() -> str:
    """Return the alias of the database that holds the queue, as the site's database routers say."""
    return router.db_for_write(Task)


def get_engine(alias: str | None = None) -> Engine:
    """Return the engine of a database alias (default: the queue's); it works on the calling thread's connection.

    Raises:
        ImproperlyConfigured: no engine exists for that database.
    """
    return _engine(alias or queue_alias())


@cache
def _engine(alias: str) -> Engine:
    vendor = connections[alias].vendor
    if vendor == "postgresql":
        from taskhub.engines.postgresql import PostgreSQL as Chosen
    elif vendor == "sqlite":
        from taskhub.engines.sqlite import SQLite as Chosen  # type: ignore[assignment]
    elif vendor == "mysql":
        from taskhub.engines.mysql import MySQL as Chosen  # type: ignore[assignment]
    else:
        raise ImproperlyConfigured(
            f"DATABASES[{alias!r}] is a {vendor} database; taskhub runs on PostgreSQL, SQLite and MySQL/MariaDB. "
            "Route the app taskhub to one of these with DATABASE_ROUTERS."
        )
    return Chosen(alias)


__all__ = ["Engine", "get_engine", "queue_alias"]
