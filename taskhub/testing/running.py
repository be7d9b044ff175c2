"""Running: what a worker would do, done by the test itself, while the clock moves as far as it is needed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.test import override_settings

from taskhub.backend import backend_alias
from taskhub.results import AsyncResult, load

_RUNNER = "workers.inline"  # in the same distribution; taskhub imports no worker by itself


def run_tasks(
    queues: str | Collection[str] = (),
    *,
    within: float | timedelta | None = None,
    limit: int = 1000,
    propagate: bool = False,
) -> list[AsyncResult]:
    """Run what is queued, and what that brings: retries, delays, chains and chords; return the results of what ran.

    Each task has one result, as it stands now; they come in the order in which they first started. The tasks run one
    after the other in this thread, on its connection, and so inside its transaction; each as a worker runs it, but for
    its timeout, which is not enforced.

    Where nothing may start, time passes until the next task is due (see `pass_time`), in all `within` so many seconds
    (None: as many as it takes; 0: none). `limit` is how many attempts are made at most. Without `queues` all are worked
    on. `propagate=True` raises what a task raised that fails for good.

    Raises:
        TaskhubError: the limit is reached.
    """
    runner = import_module(_RUNNER)
    ids = runner.run_tasks(queues, within=within, limit=limit, propagate=propagate)
    backend = backend_alias()
    return [load(str(task_id), backend) for task_id in ids]


def pass_time(seconds: float | timedelta) -> None:
    """Let time pass: what becomes due is queued, and what was not started in time expires. Nothing runs.

    The database's clock cannot be moved, so the tasks are: all their times come to lie so much earlier, what has
    happened and what is going to. `timezone.now()` in your code stays what it is.

    Raises:
        ValueError: a negative time.
    """
    import_module(_RUNNER).pass_time(seconds)


def eager(*, propagate: bool = True) -> override_settings:
    """Run each task inside its `enqueue()`; for a `with` block, a test method or a TestCase class.

    `propagate` raises from `enqueue()` what the task raised when it fails for good.
    """
    given: dict[str, Any] = getattr(settings, "TASKHUB", {})
    return override_settings(TASKHUB={**given, "EAGER": True, "EAGER_PROPAGATES": propagate})
