"""Announce: tell that tasks have ended outside a worker, when the transaction that ends them commits."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.dispatch import Signal

from taskhub.engines import get_engine
from taskhub.engines.rows import Ending
from taskhub.engines.wakeups import Kind
from taskhub.states import FINISHED

tasks_ended = Signal()  # ids: of tasks that were cancelled, expired or lost
tasks_requeued = Signal()  # endings: of attempts that were lost with their worker


def announce_finished(ids: Sequence[int]) -> None:
    """Wake those who wait for a result and send `tasks_ended`, when the current transaction commits."""
    if ids:
        engine = get_engine()
        engine.notify(Kind.FINISHED)
        transaction.on_commit(lambda: tasks_ended.send(sender=None, ids=ids), using=engine.alias)


def announce_rescued(endings: Sequence[Ending]) -> None:
    """Tell what became of the tasks of a worker that is gone."""
    announce_finished([ending.task_id for ending in endings if ending.state in FINISHED])
    left = [ending for ending in endings if ending.outcome and ending.state not in FINISHED]
    if left:
        tasks_requeued.send(sender=None, endings=left)
