"""Eager: with TASKHUB["EAGER"] what is enqueued runs at once, in the process and the transaction that enqueue it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from taskhub import conf
from taskhub.queue.transition import tasks

if TYPE_CHECKING:
    from taskhub.results import AsyncResult

_RUNNER = "workers.inline"  # in the same distribution; taskhub imports no worker by itself


def follow(results: Sequence[AsyncResult]) -> None:
    """Run what has just been enqueued together, where the settings say so; the results are refreshed.

    Raises:
        Exception: with TASKHUB["EAGER_PROPAGATES"], what a task raised that failed for good.
    """
    settings = conf.get()
    if not settings.eager or not results:
        return
    if results[0].workflow_id is not None:
        chosen = tasks().filter(workflow_id=results[0].workflow_id)
    else:
        chosen = tasks().filter(id__in=[int(result.id) for result in results])
    import_module(_RUNNER).run_now(chosen, propagate=settings.eager_propagates)
    for result in results:
        result.refresh()
