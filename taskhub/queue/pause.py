"""Pause and resume a queue: claims leave a paused queue alone; what runs goes on."""

from __future__ import annotations

from datetime import datetime

from taskhub.engines import get_engine
from taskhub.engines.wakeups import Kind
from taskhub.models import Queue
from taskhub.text import storable


def pause(queue: str, reason: str = "", *, until: datetime | None = None) -> None:
    """Stop claims from a queue, over all workers, from the next claim on.

    A worker resumes it when `until` (aware) is over, within its poll interval. A queue that is paused already keeps its
    reason and takes the new `until`.
    """
    engine = get_engine()
    rows = Queue.objects.using(engine.alias)
    values = {"is_paused": True, "paused_at": engine.clock(), "pause_reason": storable(reason, 500)}
    rows.get_or_create(name=queue)
    rows.filter(name=queue, is_paused=False).update(**values)
    rows.filter(name=queue, is_paused=True).update(paused_until=until)
    engine.notify(Kind.CONTROL, queue)


def resume(queue: str) -> None:
    """Let workers claim from a queue again, at once."""
    engine = get_engine()
    Queue.objects.using(engine.alias).filter(name=queue).update(
        is_paused=False, paused_at=None, paused_until=None, pause_reason=""
    )
    engine.notify(Kind.QUEUED, queue)


def resume_due() -> list[str]:
    """Resume the queues whose time to stay paused is over; return their names."""
    engine = get_engine()
    rows = Queue.objects.using(engine.alias)
    over = rows.filter(is_paused=True, paused_until__lte=engine.now())
    names = list(over.values_list("name", flat=True))
    for name in names:
        resume(name)
    return names
