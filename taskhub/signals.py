"""Signals: those of django.tasks and taskhub's own, and who listens to them.

Those of tasks are sent with `task_result`, an AsyncResult, and the class of the backend as their sender.
"""

from __future__ import annotations

import logging

from django.conf import settings
from django.dispatch import Signal
from django.utils.log import RequireDebugTrue

from taskhub import compat
from taskhub.compat import task_enqueued, task_finished, task_started

_django_logger = logging.getLogger(compat.LOGGER_NAME)

task_succeeded = Signal()
task_failed = Signal()  # for good: no retry is left
task_retried = Signal()  # an attempt failed, or its worker was lost; the task will be tried again
task_cancelled = Signal()
task_expired = Signal()

worker_online = Signal()  # worker: the Worker row
worker_offline = Signal()  # worker: the Worker row; `is_lost` tells whether it was found dead

OWN = (task_succeeded, task_failed, task_retried, task_cancelled, task_expired)


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


__all__ = [
    "OWN",
    "has_own_receivers",
    "has_receivers",
    "is_logged",
    "task_cancelled",
    "task_enqueued",
    "task_expired",
    "task_failed",
    "task_finished",
    "task_retried",
    "task_started",
    "task_succeeded",
    "worker_offline",
    "worker_online",
]
