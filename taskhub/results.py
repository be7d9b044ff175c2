"""AsyncResult: what the enqueuer holds; a TaskResult of django.tasks with state, progress, waiting and actions."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from inspect import getattr_static, isclass
from typing import Any

from asgiref.sync import sync_to_async
from django.db import transaction

from taskhub import compat, errors, queue
from taskhub.engines import get_engine
from taskhub.engines.news import get_news
from taskhub.engines.rows import Claim, Ending, NewTask
from taskhub.models import Result, Task
from taskhub.models.result import SPENT, Outcome
from taskhub.payload import load_args
from taskhub.placeholder import definition_for
from taskhub.states import TaskState


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskError(compat.TaskError):  # type: ignore[misc]
    """The error of one attempt."""

    message: str = ""

    @property
    def exception_class(self) -> type[BaseException]:
        """The class, where this process has loaded it already: nothing is imported because a row names it.

        Raises:
            ValueError: the class is not loaded here, or the path names something else.
        """
        found = _loaded(self.exception_class_path)
        if not isclass(found) or not issubclass(found, BaseException):
            raise ValueError(
                f"{self.exception_class_path!r} is not an exception class that this process has loaded."
            )
        return found


def _loaded(path: str) -> Any:
    """Return what a dotted path names in the modules that are loaded, also inside a class; runs no code of theirs."""
    parts = path.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        found: Any = sys.modules.get(".".join(parts[:cut]))
        if found is not None:
            for name in parts[cut:]:
                found = getattr_static(found, name, None)
            return found
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncResult(compat.TaskResult):  # type: ignore[misc, type-arg]
    """A task as it was when last read: `refresh()` reads again, `wait()` and `get()` until it has ended."""

    state: TaskState
    progress: float = 0.0
    progress_message: str = ""
    reason: str = ""
    is_duplicate: bool = False
    _birth: list[bool] = field(default_factory=lambda: [True], repr=False, compare=False)

    def __post_init__(self) -> None:
        """Take the arguments as they are: they have been JSON in every way here, and need no second normalization."""

    @property
    def is_ready(self) -> bool:
        """The task has ended: succeeded, failed, cancelled or expired."""
        return self.state.is_finished

    @property
    def is_successful(self) -> bool:
        return self.state == TaskState.SUCCEEDED

    @property
    def is_failed(self) -> bool:
        """The task has ended otherwise than by success."""
        return self.is_ready and not self.is_successful

    def refresh(self) -> None:
        """Read the task again.

        Raises:
            TaskResultDoesNotExist: it was rolled back or pruned.
        """
        fresh = load(self.id, self.backend)
        for item in fields(fresh):
            if item.name not in ("task", "_birth", "is_duplicate"):
                object.__setattr__(self, item.name, getattr(fresh, item.name))

    async def arefresh(self) -> None:
        """See `refresh`."""
        await sync_to_async(self.refresh)()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the task has ended, at most `timeout` seconds; return whether it has. Woken by the database.

        Raises:
            InsideTransaction: it was enqueued in the current transaction, which no worker can see yet.
        """
        self._refuse_inside_transaction()
        deadline = None if timeout is None else time.monotonic() + timeout
        engine = get_engine()
        news, poll = get_news(engine.alias), 1.0
        while True:
            seen = news.count()
            if not self.is_ready:
                self.refresh()
            if self.is_ready:
                return True
            left = poll if deadline is None else min(poll, deadline - time.monotonic())
            if left <= 0:
                return False
            news.wait(seen, left)

    async def await_(self, timeout: float | None = None) -> bool:
        """See `wait`; does not block the event loop."""
        await sync_to_async(self._refuse_inside_transaction)()
        return await sync_to_async(self._wait_elsewhere, thread_sensitive=False)(timeout)

    def _wait_elsewhere(self, timeout: float | None) -> bool:
        """Wait in a thread of asyncio's, which would keep a database connection of its own for ever."""
        try:
            return self.wait(timeout)
        finally:
            get_engine().connection.close()

    def get(self, timeout: float | None = None) -> Any:
        """Wait for the task's end and return its value.

        Raises:
            TaskFailed, TaskCancelled, TaskExpired: how it ended. ResultTimeout: it has not, after `timeout` seconds.
            InsideTransaction: it was enqueued in the current transaction.
        """
        return self._outcome(self.wait(timeout), timeout)

    async def aget(self, timeout: float | None = None) -> Any:
        """See `get`; does not block the event loop."""
        return self._outcome(await self.await_(timeout), timeout)

    def _outcome(self, has_ended: bool, timeout: float | None) -> Any:
        if not has_ended:
            raise errors.ResultTimeout(
                f"Task {self.id} ({self.task.name}) is {self.state} after {timeout:g} s."
            )
        if self.state == TaskState.SUCCEEDED:
            return self.return_value
        if self.state == TaskState.CANCELLED:
            raise errors.TaskCancelled(
                f"Task {self.id} was cancelled: {self.reason or 'no reason given'}."
            )
        if self.state == TaskState.EXPIRED:
            raise errors.TaskExpired(f"Task {self.id} was not started before it expired.")
        last = self.errors[-1] if self.errors else TaskError(exception_class_path="", traceback="")
        message = getattr(last, "message", "")
        raise errors.TaskFailed(
            f"{last.exception_class_path}: {message}",
            error_class=last.exception_class_path,
            traceback=last.traceback,
        )

    def revoke(self, reason: str = "revoked by its enqueuer") -> TaskState:
        """Cancel the task; see `taskhub.queue.cancel`. The result is refreshed."""
        state = queue.cancel(int(self.id), reason)
        self.refresh()
        return state

    def retry(self) -> None:
        """Queue the task again after it ended without success; see `taskhub.queue.retry`. The result is refreshed."""
        queue.retry(int(self.id))
        self.refresh()

    def _refuse_inside_transaction(self) -> None:
        if not self._birth[0] and get_engine().connection.in_atomic_block:
            raise errors.InsideTransaction(
                f"Task {self.id} was enqueued in this transaction, which has not been committed: no worker can see it, "
                "so waiting would never end. Wait after the `with transaction.atomic():` block."
            )


def born(
    definition: compat.Task[Any, Any], ids: Iterable[int], rows: Iterable[NewTask], backend: str
) -> list[AsyncResult]:
    """Build the results of tasks that have just been inserted together, without asking the database."""
    birth = _birth()
    return [
        AsyncResult(
            task=definition, id=str(task_id), status=_READY, enqueued_at=row.enqueued_at, started_at=None,
            finished_at=None, last_attempted_at=None, args=json.loads(row.args),
            kwargs={} if row.kwargs == "{}" else json.loads(row.kwargs), backend=backend, errors=[], worker_ids=[],
            state=_STATES[row.state], _birth=birth,
        )
        for task_id, row in zip(ids, rows, strict=True)
    ]  # fmt: skip


_READY = compat.TaskResultStatus.READY  # members of an Enum are slow to look up on Python 3.11
_STATES = {state.value: state for state in TaskState}


def _birth() -> list[bool]:
    """Return whether workers can see what has just been inserted, in a list that the commit will change."""
    engine = get_engine()
    if not engine.connection.in_atomic_block:
        return [True]
    birth = [False]
    transaction.on_commit(lambda: birth.__setitem__(0, True), using=engine.alias)
    return birth


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
    return of_rows(task, list(task.results.all()), backend)


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
        progress=progress.fraction if progress else float(state == TaskState.SUCCEEDED),
        progress_message=progress.message if progress else "",
    )  # fmt: skip
    if state == TaskState.SUCCEEDED:
        value = next((a.value for a in reversed(spent) if a.outcome == Outcome.SUCCEEDED), None)
        object.__setattr__(result, "_return_value", value)
    return result


def _args(task: Task) -> tuple[list[Any], dict[str, Any]]:
    try:
        return load_args(task.args, task.kwargs)
    except errors.DamagedTask:  # shown as far as it goes; running it says what is wrong
        return (task.args if isinstance(task.args, list) else []), (
            task.kwargs if isinstance(task.kwargs, dict) else {}
        )


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


def with_ending(result: AsyncResult, ending: Ending) -> AsyncResult:
    """Bring a running task's result to its end, as the ending says."""
    value = None if ending.value is None else json.loads(ending.value)
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
