"""Postponed: tasks that are enqueued when a transaction on another database than the queue's commits.

Where both are one database nothing of this is needed: the task is part of the transaction. Where they are two, a task
that is enqueued at once may run before what it works on is there to see, or though that was rolled back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from django.db import connections, transaction

from taskhub import conf
from taskhub.definition import TaskDefinition
from taskhub.engines import queue_alias
from taskhub.engines.rows import NewTask
from taskhub.results.async_result import AsyncResult
from taskhub.results.birth import Birth
from taskhub.results.making import newborn


def awaited_by(definitions: Iterable[TaskDefinition]) -> str | None:
    """Return the alias of the database whose transaction is to commit before these are enqueued; None: now."""
    for definition in definitions:
        after = definition.enqueue_after
        alias = conf.get().enqueue_after if after is None else after
        if alias and alias != queue_alias() and connections[alias].in_atomic_block:
            return alias
    return None


def after_commit(
    alias: str,
    tasks: Iterable[tuple[TaskDefinition, NewTask]],
    enqueue: Callable[[], Sequence[AsyncResult]],
) -> list[AsyncResult]:
    """Call `enqueue` with the commit, and never after a rollback; return results that have an id from then on.

    What `enqueue` raises comes out of the commit: what was committed stays, and the tasks are not enqueued.
    """
    birth = Birth(alias, is_past=False)
    results = [newborn(definition, "", row, birth) for definition, row in tasks]
    transaction.on_commit(partial(_fill_in, results, enqueue), using=alias)
    return results


def _fill_in(results: list[AsyncResult], enqueue: Callable[[], Sequence[AsyncResult]]) -> None:
    for result, made in zip(results, enqueue(), strict=True):
        result.become(made)
