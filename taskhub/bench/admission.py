"""Admission: let this process use the benchmark's queues, on the chosen database, whatever the settings declare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import router
from django.db.models import Model

from taskhub import compat
from taskhub.backend import backend_alias

PREFIX = "taskhub-bench"
ENQUEUED = f"{PREFIX}-enqueue"  # nobody works here
DRAINED = f"{PREFIX}-drain"
PICKED_UP = f"{PREFIX}-pickup"
OTHER = f"{PREFIX}-other"  # nor here
QUEUES = (ENQUEUED, DRAINED, PICKED_UP, OTHER)


@contextmanager
def admitted(database: str) -> Iterator[None]:
    """Send the app taskhub to `database` and declare the benchmark's queues, in this process, until the block ends.

    `taskhub.bench.tasks` can be imported inside only: elsewhere its queues may not be declared.
    """
    way = _Way(database)
    alias = backend_alias()
    options = compat.task_backends.settings[alias]
    declared = options.get("QUEUES", [compat.DEFAULT_TASK_QUEUE_NAME])
    router.routers.insert(0, way)
    if declared:  # an empty list allows any name
        options["QUEUES"] = [*declared, *QUEUES]
    _forget(alias)
    try:
        yield
    finally:
        router.routers.remove(way)
        options["QUEUES"] = declared
        _forget(alias)


def _forget(alias: str) -> None:
    """Let the backend be built anew, with the queues that are declared now."""
    with suppress(AttributeError):
        del compat.task_backends[alias]


class _Way:
    """A database router for the one app."""

    def __init__(self, database: str) -> None:
        self._database = database

    def db_for_write(self, model: type[Model], **hints: Any) -> str | None:
        return self._database if model._meta.app_label == "taskhub" else None

    db_for_read = db_for_write
