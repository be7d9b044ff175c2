"""Making: results of tasks that were just born, start or end, without asking the database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, overload

from taskhub import compat
from taskhub.engines import get_engine
from taskhub.engines.rows import Claim, Ending, NewTask
from taskhub.payload import load_args
from taskhub.result_backends import kept_at
from taskhub.results.async_result import AsyncResult
from taskhub.results.birth import PAST, Birth
from taskhub.results.loading import load
from taskhub.results.task_error import TaskError
from taskhub.states import TaskState


class Newborn(Sequence[AsyncResult]):
    """The results of tasks that were inserted together, without asking the database.

    Each is made when it is first looked at, which most of a large batch never are, and is the same from then on.
    """

    def __init__(
        self,
        tasks: Sequence[tuple[compat.Task[Any, Any], int, NewTask]],
        workflow_id: int | None = None,
    ) -> None:
        self._tasks, self._workflow_id = tasks, workflow_id
        engine = get_engine()
        is_inside = engine.connection.in_atomic_block
        self._birth = Birth.at_commit(engine.alias) if is_inside else PAST
        self._made: dict[int, AsyncResult] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    @overload
    def __getitem__(self, index: int) -> AsyncResult: ...
    @overload
    def __getitem__(self, index: slice) -> list[AsyncResult]: ...
    def __getitem__(self, index: int | slice) -> AsyncResult | list[AsyncResult]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        if (result := self._made.get(number)) is None:
            result = self._made[number] = self._make(*self._tasks[number])
        return result

    def __add__(self, others: Sequence[AsyncResult]) -> list[AsyncResult]:
        return [*self, *others]

    def __radd__(self, others: Sequence[AsyncResult]) -> list[AsyncResult]:
        return [*others, *self]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self)} results>"

    def _make(self, definition: compat.Task[Any, Any], task_id: int, row: NewTask) -> AsyncResult:
        return newborn(definition, str(task_id), row, self._birth, self._workflow_id)


def newborn(
    definition: compat.Task[Any, Any],
    task_id: str,
    row: NewTask,
    birth: Birth,
    workflow_id: int | None = None,
) -> AsyncResult:
    """Build the result of a task that nobody has claimed yet."""
    return AsyncResult(
        task=definition, id=task_id, status=_READY, state=_STATES[row.state], enqueued_at=row.enqueued_at,
        started_at=None, finished_at=None, last_attempted_at=None, args=_DECODE(row.args),
        kwargs={} if row.kwargs == "{}" else _DECODE(row.kwargs), backend=definition.backend, errors=[],
        worker_ids=[], workflow_id=workflow_id, parent_id=row.parent_id, _birth=birth,
    )  # fmt: skip


_READY = compat.TaskResultStatus.READY  # members of an Enum are slow to look up on Python 3.11
_DECODE = json.JSONDecoder().decode
_STATES = {state.value: state for state in TaskState}


def of_claim(
    claim: Claim,
    definition: compat.Task[Any, Any],
    worker_name: str,
    started_at: datetime,
    backend: str,
) -> AsyncResult:
    """Build the result of a task that starts to run; asks the database only where there were attempts before."""
    if claim.attempt > 1:
        return load(str(claim.id), backend)
    args, kwargs = load_args(claim.args, claim.kwargs)
    if (claim.queue, claim.priority) != (definition.queue_name, definition.priority):
        definition = definition.using(queue_name=claim.queue, priority=claim.priority)
    return AsyncResult(
        task=definition, id=str(claim.id), status=compat.TaskResultStatus.RUNNING, state=TaskState.RUNNING,
        enqueued_at=claim.enqueued_at, started_at=started_at, last_attempted_at=started_at, finished_at=None,
        args=args, kwargs=kwargs, backend=backend, errors=[], worker_ids=[worker_name],
    )  # fmt: skip


def in_state(result: AsyncResult, state: TaskState) -> AsyncResult:
    """Put a result into the state that its task was in for a moment."""
    object.__setattr__(result, "state", state)
    object.__setattr__(result, "status", state.status)
    return result


def with_ending(result: AsyncResult, ending: Ending) -> AsyncResult:
    """Bring a running task's result to its end, as the ending says."""
    value = None if ending.value is None else json.loads(ending.value)
    value = kept_at(value, *ending.fence) or value
    changes = {"state": ending.state, "status": ending.state.status, "finished_at": ending.finished_at,
               "reason": ending.reason, "_return_value": value}  # fmt: skip
    for name, change in changes.items():
        object.__setattr__(result, name, change)
    if ending.error_class:
        result.errors.append(
            TaskError(
                exception_class_path=ending.error_class,
                traceback=ending.traceback,
                message=ending.message,
            )
        )
    return result
