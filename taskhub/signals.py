"""Signals: django.tasks' `task_finished` for tasks that end outside a worker, and taskhub's own."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.dispatch import Signal

from taskhub import compat
from taskhub.models import Task

_django_logger = logging.getLogger(compat.LOGGER_NAME)

worker_online = Signal()  # worker: the Worker row
worker_offline = Signal()  # worker: the Worker row; sent by whoever finds it gone


def send_finished(ids: Sequence[int]) -> None:
    """Send `task_finished` for tasks that were cancelled, expired or lost; a failing receiver is logged, not raised."""
    from taskhub import results
    from taskhub.backend import TaskHubBackend
    from taskhub.engines import queue_alias

    if not has_receivers(compat.task_finished):
        return
    rows = Task.objects.using(queue_alias()).filter(id__in=ids).select_related("progress", "worker")
    for task in rows.prefetch_related("results"):
        result = results.of_rows(task, task.results.all(), backend_alias())
        compat.task_finished.send_robust(sender=TaskHubBackend, task_result=result)


def has_receivers(signal: Signal) -> bool:
    """Tell whether anybody but the logging of django.tasks itself listens, or that logging is on."""
    return _django_logger.isEnabledFor(logging.INFO) or len(signal.receivers) > 1


def backend_alias() -> str:
    """Return the alias in settings.TASKS that names our backend (the first one, where there are several)."""
    from taskhub.backend import TaskHubBackend

    for alias in compat.task_backends.settings:
        if isinstance(compat.task_backends[alias], TaskHubBackend):
            return str(alias)
    return compat.DEFAULT_TASK_BACKEND_ALIAS

