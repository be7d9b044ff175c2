"""Signals: django.tasks' `task_finished` for tasks that end outside a worker, and taskhub's own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.dispatch import Signal
from django.utils.log import RequireDebugTrue

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
    return compat.is_heard(signal, logging.INFO)


def has_own_receivers(signal: Signal) -> bool:
    """Tell whether anybody listens to a signal of django.tasks beside its own logging."""
    return len(signal.receivers) > 1


def is_logged(level: int) -> bool:
    """Tell whether what django.tasks logs at this level reaches anybody, as logging is configured now.

    In production Django's own configuration lets every such line be made, only to drop it in the console handler.
    """
    logger: logging.Logger | None = _django_logger
    if not _django_logger.isEnabledFor(level):
        return False
    while logger is not None:
        if any(h.level <= level and not _is_closed(h) for h in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return logging.lastResort is not None and not _django_logger.hasHandlers()


def _is_closed(handler: logging.Handler) -> bool:
    """Tell whether a handler lets nothing through while DEBUG is off."""
    return not settings.DEBUG and any(
        isinstance(each, RequireDebugTrue) for each in handler.filters
    )
