"""Graph: tasks that wait for each other are inserted with their links, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import transaction
from django.db.utils import Error

from taskhub.engines import Engine, get_engine
from taskhub.engines.rows import NewTask
from taskhub.errors import DuplicateTask
from taskhub.models import Met, TaskTag, WorkflowRun
from taskhub.queue.enqueue import refused
from taskhub.queue.entrance import through_gates
from taskhub.queue.fairness import in_turn
from taskhub.queue.quota import check_room
from taskhub.queue.unique import PATIENCE, refuse_taken


class Link(NamedTuple):
    """`dependent` needs `upstream`; both are indexes of rows. The order is that of Dependency's columns."""

    upstream: int
    dependent: int
    position: int
    name: str
    need: str


@dataclass(frozen=True, slots=True)
class Graph:
    """What is to be inserted. `steps` and `ends` are indexes of rows; of a step that several tasks end, a list."""

    kind: str
    name: str
    rows: list[NewTask]
    links: list[Link]
    tags: list[Sequence[str]]
    steps: dict[str, int | list[int]]
    ends: list[int]


_WORKFLOW = NewTask._fields.index("workflow_id")
_COLUMNS = ("upstream_id", "dependent_id", "position", "name", "need", "state")


def insert_graph(graph: Graph) -> tuple[list[int], int]:
    """Insert the rows of a graph and its links, all or none; return the ids in their order, and the workflow's.

    Raises:
        EnqueueFailed, DuplicateTask, QueueFull: nothing was written.
    """
    engine = get_engine()
    what = f"the {graph.kind} {graph.name}"
    is_inside = engine.connection.in_atomic_block
    try:
        check_room(engine, (row.queue for row in graph.rows))
        refuse_taken(engine, graph.rows, what)
        with _waiting(engine, graph):
            run = WorkflowRun.objects.using(engine.alias).create(
                name=graph.name, kind=graph.kind, size=len(graph.rows), created_at=engine.now()
            )
            entered = in_turn(through_gates(engine, graph.rows, is_inside=is_inside))
            rows = [
                NewTask._make((*row[:_WORKFLOW], run.pk, *row[_WORKFLOW + 1 :])) for row in entered
            ]
            ids = engine.insert_many(rows)
            engine.insert_rows(
                "taskhub_dependency",
                _COLUMNS,
                (
                    (ids[link.upstream], ids[link.dependent], *link[2:], Met.WAITS.value)
                    for link in graph.links
                ),
            )
            TaskTag.objects.using(engine.alias).bulk_create(
                [
                    TaskTag(task_id=task_id, name=name)
                    for task_id, names in zip(ids, graph.tags, strict=True)
                    for name in dict.fromkeys(names)
                ],
                batch_size=1000,
            )
            run.steps = {
                name: ids[at] if isinstance(at, int) else [ids[index] for index in at]
                for name, at in graph.steps.items()
            }
            run.ends = [ids[index] for index in graph.ends]
            run.save(update_fields=["steps", "ends"])
            graph.rows[:] = rows
            return ids, run.pk
    except Error as error:
        if engine.is_duplicate(error) or engine.is_lock_timeout(error):
            refuse_taken(engine, graph.rows, what)
            raise DuplicateTask(
                f"A task that another transaction inserts now has a unique key of {what}; nothing was enqueued."
            ) from error
        raise refused(engine, what, error) from error


def _waiting(engine: Engine, graph: Graph) -> AbstractContextManager[Any]:
    """Open the transaction; with unique keys nobody is waited for without end."""
    if engine.has_one_writer or not any(row.unique_lock for row in graph.rows):
        return transaction.atomic(engine.alias)
    return engine.impatient(PATIENCE)
