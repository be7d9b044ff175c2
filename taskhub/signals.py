"""Signals: django.tasks' `task_finished` for tasks that end outside a worker, and taskhub's own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.dispatch import Signal

from taskhub import compat, results
from taskhub.backend import TaskHubBackend, backend_alias
from taskhub.engines import queue_alias
from taskhub.models import Task

_django_logger = logging.getLogger(compat.LOGGER_NAME)

worker_online = Signal()  # worker: the Worker row
worker_offline = Signal()  # worker: the Worker row; sent by whoever finds it gone


def send_task_finished(*, ids: Sequence[int], **kwargs: Any) -> None:
    """Send `task_finished` for tasks that ended outside a worker; a failing receiver is logged, not raised."""
    if not has_receivers(compat.task_finished):
        return
    rows = Task.objects.using(queue_alias()).filter(id__in=ids).select_related("progress", "worker")
    for task in rows.prefetch_related("results"):
        result = results.of_rows(task, task.results.all(), backend_alias())
        compat.task_finished.send_robust(sender=TaskHubBackend, task_result=result)


def has_receivers(signal: Signal) -> bool:
    """Tell whether anybody but the logging of django.tasks itself listens, or that logging is on."""
    return _django_logger.isEnabledFor(logging.INFO) or len(signal.receivers) > 1
