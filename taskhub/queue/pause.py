"""Pause and resume a queue: claims leave a paused queue alone; what runs goes on."""

from __future__ import annotations

from taskhub.engines import get_engine
from taskhub.engines.wakeups import Kind
from taskhub.models import Queue
from taskhub.text import storable


def pause(queue: str, reason: str = "") -> None:
    """Stop claims from a queue, over all workers, from the next claim on."""
    engine = get_engine()
    values = {"is_paused": True, "paused_at": engine.clock(), "pause_reason": storable(reason, 500)}
    Queue.objects.using(engine.alias).get_or_create(name=queue)
    Queue.objects.using(engine.alias).filter(name=queue, is_paused=False).update(**values)
    engine.notify(Kind.CONTROL, queue)


def resume(queue: str) -> None:
    """Let workers claim from a queue again, at once."""
    engine = get_engine()
    Queue.objects.using(engine.alias).filter(name=queue).update(
        is_paused=False, paused_at=None, pause_reason=""
    )
    engine.notify(Kind.QUEUED, queue)
