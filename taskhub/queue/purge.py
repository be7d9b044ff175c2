"""Purge: cancel everything that waits in a queue; what runs goes on."""

from __future__ import annotations

from taskhub.queue.cancel import cancel_where
from taskhub.queue.transition import tasks
from taskhub.states import WAITING


def purge(queue: str, reason: str = "") -> int:
    """Cancel the waiting tasks that the queue holds now, in bounded batches; return how many.

    Tasks that arrive while it works are left alone.
    """
    last = tasks().order_by("-id").values_list("id", flat=True).first() or 0
    chosen = tasks().filter(queue=queue, id__lte=last)
    return cancel_where(chosen, reason or f"queue {queue} purged", states=WAITING)
