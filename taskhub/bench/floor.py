"""The floor: what the database itself takes to insert such a row and commit, which no queue can beat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.apps.registry import Apps
from django.db import models
from django.db.models.sql import InsertQuery
from django.utils import timezone

from taskhub.bench.admission import ENQUEUED
from taskhub.engines import Engine
from taskhub.models import Task
from taskhub.states import TaskState

TABLE = "taskhub_bench_floor"


@contextmanager
def bare_insert(engine: Engine) -> Iterator[Callable[[], object]]:
    """Make a table with the columns of Task, and a function that inserts a row and commits; drop the table at the end.

    The statement is compiled once and goes straight to the driver's cursor. There are no indexes but the primary key.
    """
    model = _like_task()
    drop_table(engine)
    with engine.connection.schema_editor() as editor:
        editor.create_model(model)
    fields = [field for field in model._meta.local_fields if not field.primary_key]
    row = model(name="floor", queue=ENQUEUED, state=TaskState.QUEUED, enqueued_at=timezone.now())
    query = InsertQuery(model)
    query.insert_values(fields, [row])
    [(sql, params)] = query.get_compiler(connection=engine.connection).as_sql()

    def insert() -> None:
        with engine.connection.cursor() as cursor:
            cursor.execute(sql, params)

    try:
        yield insert
    finally:
        drop_table(engine)


def drop_table(engine: Engine) -> None:
    """Drop the table where a benchmark that was killed has left it."""
    if TABLE in engine.connection.introspection.table_names():
        with engine.connection.schema_editor() as editor:
            editor.delete_model(_like_task())


def _like_task() -> type[models.Model]:
    """Return a model with the columns of Task, known to nobody else."""
    members: dict[str, object] = {}
    for field in Task._meta.local_fields:
        if field.is_relation:
            members[field.name] = models.BigIntegerField(null=True, db_column=field.column)
        else:
            members[field.name] = field.clone()
    options = {"apps": Apps(), "app_label": "taskhub", "db_table": TABLE}
    return type(
        "Floor",
        (models.Model,),
        {"__module__": __name__, "Meta": type("Meta", (), options), **members},
    )
