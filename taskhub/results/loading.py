"""Loading: results are built of what the database holds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from taskhub import compat, errors
from taskhub.engines import get_engine
from taskhub.models import Result, Task
from taskhub.models.result import SPENT, Outcome
from taskhub.payload import load_args
from taskhub.placeholder import definition_for
from taskhub.result_backends import kept_at
from taskhub.results.async_result import AsyncResult
from taskhub.results.task_error import TaskError
from taskhub.rollup import rolled_up
from taskhub.states import TaskState

_ID = re.compile("[1-9][0-9]{0,18}", re.ASCII)


def load(result_id: Any, backend: str) -> AsyncResult:
    """Read a task and its attempts.

    Raises:
        TaskResultDoesNotExist: no such task.
    """
    number = int(result_id) if isinstance(result_id, str) and _ID.fullmatch(result_id) else 0
    tasks = Task.objects.using(get_engine().alias).select_related("progress", "worker")
    task = tasks.filter(id=number).first() if 0 < number < 2**63 else None
    if task is None:
        raise compat.TaskResultDoesNotExist(result_id)
    result = of_rows(task, list(task.results.all()), backend)
    if task.attempt and getattr(task, "progress", None) is None:
        object.__setattr__(result, "progress", _of_children(task, result.progress))
    return result


def duplicates(ids: Iterable[int], backend: str) -> dict[int, AsyncResult]:
    """Return by their ids the results of live tasks that stand for such as were not enqueued."""
    wanted = sorted(set(ids))
    found: dict[int, AsyncResult] = {}
    for start in range(0, len(wanted), 500):
        tasks = Task.objects.using(get_engine().alias).filter(id__in=wanted[start : start + 500])
        for task in tasks.select_related("progress", "worker").prefetch_related("results"):
            found[task.pk] = result = of_rows(task, list(task.results.all()), backend)
            object.__setattr__(result, "is_duplicate", True)
    return found


def _of_children(task: Task, own: float) -> float:
    """Return the progress of a task that has started and reported none: that of its children, where it has some."""
    found = rolled_up(task.pk)
    return own if found is None else found


def of_rows(task: Task, attempts: Iterable[Result], backend: str) -> AsyncResult:
    """Build the result of a task's row and the rows of its attempts, oldest first."""
    attempts = list(attempts)
    spent = [attempt for attempt in attempts if attempt.outcome in SPENT]
    state = TaskState(task.state)
    args, kwargs = _args(task)
    progress = getattr(task, "progress", None)
    started = [attempt.started_at for attempt in attempts]
    names = [attempt.worker_name for attempt in spent]
    if state == TaskState.RUNNING:
        started.append(task.started_at or task.enqueued_at)
        names.append(task.worker.name if task.worker else "?")
    result = AsyncResult(
        task=definition_for(task, backend), id=str(task.pk), status=state.status, enqueued_at=task.enqueued_at,
        started_at=started[0] if started else None, finished_at=task.finished_at,
        last_attempted_at=started[-1] if started else None, args=args, kwargs=kwargs, backend=backend,
        errors=[
            TaskError(exception_class_path=a.error_class, traceback=a.traceback, message=a.message)
            for a in spent if a.error_class
        ],
        worker_ids=names, state=state, reason=task.reason,
        workflow_id=task.workflow_id, parent_id=task.parent_id,
        progress=progress.fraction if progress else float(state == TaskState.SUCCEEDED),
        progress_message=progress.message if progress else "",
    )  # fmt: skip
    if state == TaskState.SUCCEEDED:
        done = next((a for a in reversed(spent) if a.outcome == Outcome.SUCCEEDED), None)
        if done is not None:
            kept = kept_at(done.value, task.pk, done.claim_no)
            object.__setattr__(result, "_return_value", kept or done.value)
    return result


def _args(task: Task) -> tuple[list[Any], dict[str, Any]]:
    try:
        return load_args(task.args, task.kwargs)
    except errors.DamagedTask:  # shown as far as it goes; running it says what is wrong
        return (task.args if isinstance(task.args, list) else []), (
            task.kwargs if isinstance(task.kwargs, dict) else {}
        )
