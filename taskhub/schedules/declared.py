"""Declared: the schedules of `@task(schedule=…)` become rows, when the tables are migrated and when a worker starts."""

from __future__ import annotations

import logging
from typing import Any

from django.db import connections
from django.db.models import QuerySet

from taskhub import registry
from taskhub.definition import TaskDefinition
from taskhub.engines import get_engine, queue_alias
from taskhub.errors import ScheduleError
from taskhub.models import DisabledBy, Schedule
from taskhub.schedules.editing import disable, enable, save

logger = logging.getLogger("taskhub.schedules")


def sync() -> None:
    """Write the schedules that this process's code declares; disable those that it does not declare any more.

    What a person has enabled or disabled stays so. Schedules of tasks that this code does not have are left alone:
    another worker may (`disable_orphans` finds those that none has). Those that were disabled because nobody had the
    code are enabled when it is here.

    Raises:
        DatabaseError: the database is in trouble.
    """
    known = {definition.identifier: definition for definition in registry.all_definitions()}
    for definition in known.values():
        if definition.schedule is not None:
            _trying(definition.identifier, lambda one=definition: _write(one))
    kept = (
        _rows()
        .filter(is_from_code=True)
        .exclude(disabled_by__in=(DisabledBy.CODE, DisabledBy.PERSON))
    )
    for schedule in kept:
        if schedule.task in known and known[schedule.task].schedule is None:
            why = f"The code of {schedule.task} does not declare it any more."
            disable(schedule.name, why, by=DisabledBy.CODE)
    for schedule in _rows().filter(disabled_by=DisabledBy.MISSING, task__in=list(known)):
        _trying(schedule.name, lambda name=schedule.name: enable(name))


def sync_after_migrate(*, using: str, **kwargs: Any) -> None:
    """Write declared schedules after `migrate` has made their table, in the queue's database."""
    tables = connections[using].introspection.table_names
    if using == queue_alias() and Schedule._meta.db_table in tables():
        sync()


def _write(definition: TaskDefinition) -> None:
    plan = definition.schedule
    name = definition.identifier
    row = _rows().filter(name=name).first()
    if row is not None and not row.is_from_code:
        logger.warning(
            "%s declares a schedule, but somebody has made one of that name; it stays as it is.",
            name,
        )
        return
    columns = {"task": name, **plan.columns}  # type: ignore[union-attr]
    if row is None:
        _create(Schedule(name=name, is_from_code=True, **columns))
        return
    differs = any(getattr(row, column) != value for column, value in columns.items())
    if differs or row.disabled_by == DisabledBy.CODE:
        for column, value in columns.items():
            setattr(row, column, value)
        save(row, stays_off=set(DisabledBy) - {DisabledBy.CODE})


def _create(schedule: Schedule) -> None:
    try:
        save(schedule)
    except ScheduleError:
        if not _rows().filter(name=schedule.name).exists():
            raise
        # else another worker, which starts at this moment, has written it


def _trying(name: str, act: Any) -> None:
    """Let a schedule that cannot be kept harm no other."""
    try:
        act()
    except ScheduleError as error:
        logger.error("The schedule %s cannot be kept: %s", name, error)
        row = _rows().filter(name=name).exclude(disabled_by=DisabledBy.PERSON)
        row.update(
            enabled=False, next_due_at=None, disabled_by=DisabledBy.ERROR, disabled_reason=str(error)[:500],
            updated_at=get_engine().now(),
        )  # fmt: skip


def _rows() -> QuerySet[Schedule]:
    return Schedule.objects.using(queue_alias())
