"""Foreign: tables of other packages, read as they are; those packages need not be installed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db import connections
from django.utils import timezone


def has_table(alias: str, table: str) -> bool:
    """Tell whether a database has a table of this name."""
    return table in connections[alias].introspection.table_names()


def read_table(alias: str, table: str) -> list[dict[str, Any]]:
    """Return all rows of a table, by the names of its columns; times are aware UTC where the driver knows a time.

    None where there is no such table.
    """
    if not has_table(alias, table):
        return []
    connection = connections[alias]
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {quote(table)} ORDER BY {quote('id')}")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, map(_aware, row), strict=True)) for row in cursor.fetchall()]


def as_time(value: Any) -> datetime | None:
    """Return a time of such a row; SQLite gives it as text."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return _aware(value) if isinstance(value, datetime) else None


def _aware(value: Any) -> Any:
    if isinstance(value, datetime) and timezone.is_naive(value):
        return value.replace(tzinfo=UTC)
    return value
