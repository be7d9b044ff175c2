"""Guard: refuses to measure where the figures would be wrong, or somebody else's work would suffer."""

from __future__ import annotations

from django.apps import apps
from django.conf import settings
from django.db import connections

from taskhub import compat
from taskhub.backend import TaskHubBackend, backend_alias
from taskhub.bench.admission import PREFIX, QUEUES
from taskhub.bench.figures import BenchFailed
from taskhub.capability import living_workers
from taskhub.engines import queue_alias
from taskhub.models import Task, Worker


def check_site(database: str | None) -> str:
    """Return the alias of the database to measure on, the queue's where none is named.

    Raises:
        BenchFailed: says what is missing for that.
    """
    if not isinstance(compat.task_backends[backend_alias()], TaskHubBackend):
        raise BenchFailed(
            "No backend of settings.TASKS is taskhub's; expected 'BACKEND': 'taskhub.backend.TaskHubBackend'."
        )
    if not apps.is_installed("workers"):
        raise BenchFailed("INSTALLED_APPS lacks 'workers': there is no runworker to measure.")
    if not getattr(settings, "SETTINGS_MODULE", ""):
        raise BenchFailed(
            "The settings are no module (settings.configure): the worker that is measured could not load them. "
            "Set DJANGO_SETTINGS_MODULE."
        )
    alias = database or queue_alias()
    if alias not in connections.settings:
        known = ", ".join(connections.settings)
        raise BenchFailed(f"--database {alias!r}: expected one of {known} (settings.DATABASES).")
    if Task._meta.db_table not in connections[alias].introspection.table_names():
        raise BenchFailed(
            f"--database {alias!r} has no tables of taskhub: run manage.py migrate --database {alias}."
        )
    return alias


def check_workers() -> None:
    """Look for workers that would take the benchmark's tasks.

    Raises:
        BenchFailed: names them, and says what to do.
    """
    rivals = [worker for worker in living_workers() if _would_take(worker)]
    if any(worker.name.startswith(f"{PREFIX}:") for worker in rivals):
        raise BenchFailed(
            "Another taskhub_bench measures on this database; try again when it has ended."
        )
    if rivals:
        names = ", ".join(worker.name for worker in rivals)
        raise BenchFailed(
            f"These workers are alive and take from every queue, the benchmark's too: {names}. Stop them while you "
            "measure, or start them with --queue for each queue that they are to serve."
        )


def _would_take(worker: Worker) -> bool:
    queues = worker.queue_names
    return not queues or not queues.isdisjoint(QUEUES)
