"""Announce: wake those who wait for a result, and send django.tasks' signal for tasks that ended outside a worker."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from taskhub.engines import get_engine
from taskhub.engines.wakeups import Kind


def announce_finished(ids: Sequence[int]) -> None:
    """Tell, when the current transaction commits, that these tasks ended."""
    if not ids:
        return
    from taskhub.signals import send_finished

    engine = get_engine()
    engine.notify(Kind.FINISHED)
    transaction.on_commit(lambda: send_finished(ids), using=engine.alias)
