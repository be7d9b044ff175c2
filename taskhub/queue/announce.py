"""Announce: tell that tasks have ended outside a worker, when the transaction that ends them commits."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.dispatch import Signal

from taskhub.engines import get_engine
from taskhub.engines.wakeups import Kind

tasks_ended = Signal()  # ids: of tasks that were cancelled, expired or lost


def announce_finished(ids: Sequence[int]) -> None:
    """Wake those who wait for a result and send `tasks_ended`, when the current transaction commits."""
    if ids:
        engine = get_engine()
        engine.notify(Kind.FINISHED)
        transaction.on_commit(lambda: tasks_ended.send(sender=None, ids=ids), using=engine.alias)
