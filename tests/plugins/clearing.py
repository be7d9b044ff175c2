"""Clearing the tables after a test that commits: only those that hold rows, and without what `migrate` does at its end.

Django's flush empties all tables and then makes content types, permissions and our catalog anew, which takes longer
than most tests. Here the first two stay, and the tables that `migrate` fills get back the rows that they began with.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models, transaction
from django.test import TransactionTestCase

from taskhub.models import Schedule, TaskCatalog

KEPT = {"django_content_type", "auth_permission"}
FILLED = (TaskCatalog, Schedule)
MANY = 1000  # rows, beyond which a table is better truncated: deleted rows stay in its pages


@pytest.fixture(scope="session", autouse=True)
def tables_are_cleared_fast(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        if TaskCatalog._meta.db_table not in connection.introspection.table_names():
            yield  # no chosen test uses the database: pytest-django has made none
            return
        first = {model: list(model._default_manager.values()) for model in FILLED}
    flush = TransactionTestCase._fixture_teardown

    def clear(case: TransactionTestCase) -> None:
        counts = _counts()
        if max(counts.values()) > MANY:
            flush(case)
        else:
            _delete([table for table, count in counts.items() if count], first)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", clear)
        yield


def _counts() -> dict[str, int]:
    """Return how many rows each table holds, counted up to some more than `MANY`."""
    every = apps.get_models(include_auto_created=True)
    tables = sorted({m._meta.db_table for m in every if m._meta.managed} - KEPT)
    quote = connection.ops.quote_name
    parts = [
        f"(SELECT count(*) FROM (SELECT 1 FROM {quote(t)} LIMIT {MANY + 1}) AS first_rows)"
        for t in tables
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}")
        return dict(zip(tables, cursor.fetchone(), strict=True))


def _delete(tables: list[str], first: dict[type[models.Model], list[dict[str, Any]]]) -> None:
    same = [model for model, rows in first.items() if list(model._default_manager.values()) == rows]
    spared = {model._meta.db_table for model in same}
    with (
        connection.constraint_checks_disabled(),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        for table in tables:
            if table not in spared:
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
        for model, rows in first.items():
            if model not in same:
                model._default_manager.bulk_create(model(**row) for row in rows)
