"""The task catalog: what this process knows of its tasks, written down for sites that do not have their code."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

from django.utils import timezone

from taskhub import registry
from taskhub.definition import TaskDefinition
from taskhub.engines import queue_alias
from taskhub.models import TaskCatalog
from taskhub.payload import normalize
from taskhub.text import storable

_SHOWN = (
    "priority", "timeout", "timeout_grace", "max_retries", "retry_delay", "retry_backoff", "retry_max_delay",
    "retry_jitter", "on_worker_loss", "pool", "atomic", "takes_context", "tags",
)  # fmt: skip


def sync() -> int:
    """Write an entry for each task that this process knows and return how many; entries of other code stay."""
    alias = queue_alias()
    rows = [_entry(definition) for definition in registry.all_definitions()]
    columns = [field.name for field in TaskCatalog._meta.fields if not field.primary_key]
    unique = None if _is_mysql(alias) else ["name"]
    TaskCatalog.objects.using(alias).bulk_create(
        rows, update_conflicts=True, update_fields=columns, unique_fields=unique
    )
    return len(rows)


def sync_after_migrate(*, using: str, **kwargs: Any) -> None:
    """Write the catalog after `migrate` has made its table, in the queue's database."""
    from django.db import connections

    if (
        using == queue_alias()
        and TaskCatalog._meta.db_table in connections[using].introspection.table_names()
    ):
        sync()


def _is_mysql(alias: str) -> bool:
    from django.db import connections

    return connections[alias].vendor == "mysql"


def _entry(definition: TaskDefinition) -> TaskCatalog:
    plain = {field.name: field.default for field in fields(TaskDefinition)}
    defaults = {
        name: getattr(definition, name)
        for name in _SHOWN
        if getattr(definition, name) != plain[name]
    }
    return TaskCatalog(
        name=definition.identifier, module_path=definition.module_path[:500], queue=definition.queue_name,
        doc=storable(inspect.getdoc(definition.func) or "", 5000), parameters=_parameters(definition),
        defaults=normalize(defaults, "defaults"), sensitive=list(definition.sensitive),
        is_schedulable=definition.schedulable, updated_at=timezone.now(),
    )  # fmt: skip


def _parameters(definition: TaskDefinition) -> list[dict[str, str]]:
    """Describe the parameters that a caller gives (the context is not one of them)."""
    found = list(inspect.signature(definition.func).parameters.values())
    described = []
    for parameter in found[1:] if definition.takes_context else found:
        entry = {"name": parameter.name, "kind": parameter.kind.name.lower()}
        if parameter.default is not parameter.empty:
            entry["default"] = storable(repr(parameter.default), 200)
        if parameter.annotation is not parameter.empty:
            entry["annotation"] = storable(inspect.formatannotation(parameter.annotation), 200)
        described.append(entry)
    return described
