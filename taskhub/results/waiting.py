"""Waiting: how whoever holds a result waits for the end of its task, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any, Self

from asgiref.sync import sync_to_async

from taskhub import compat, errors
from taskhub.engines import get_engine
from taskhub.result_backends import get_result_backend
from taskhub.results.birth import Birth
from taskhub.results.callbacks import Callback, get_watcher
from taskhub.results.task_error import TaskError
from taskhub.run import current_run
from taskhub.states import TaskState


class Waiting:
    """The part of an AsyncResult that waits; a mixin without fields of its own."""

    __slots__ = ()

    id: str
    task: compat.Task[Any, Any]
    state: TaskState
    reason: str
    errors: list[TaskError]
    _birth: Birth

    @property
    def number(self) -> int:
        """The id as the database has it.

        Raises:
            InsideTransaction: the task is enqueued when a transaction commits that has not committed.
        """
        if not self.id:
            raise errors.InsideTransaction(
                f"{self.task.name} is enqueued when the transaction on the database {self._birth.alias!r} commits, "
                "which has not happened: it has no id yet. Use the result after the `with transaction.atomic():` block."
            )
        return int(self.id)

    @property
    def is_ready(self) -> bool:
        """The task has ended: succeeded, failed, cancelled or expired."""
        return self.state.is_finished

    @property
    def return_value(self) -> Any:
        """The value of a task that succeeded."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Read the task again."""
        raise NotImplementedError

    def wait(self, timeout: float | None = None, *, allow_sync: bool = False) -> bool:
        """Wait until the task has ended, at most `timeout` seconds; return whether it has. Woken by the database.

        Raises:
            InsideTransaction: it was enqueued in the current transaction, which no worker can see yet.
            WaitInsideTask: the caller is a running task, and `allow_sync` was not given; or it waits for itself.
        """
        self.refuse_inside_transaction()
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        if not self.is_ready:
            self.refresh()
        while not self.is_ready and (left := deadline - time.monotonic()) > 0:
            refuse_inside_task(self.id, allow_sync=allow_sync)
            get_result_backend().wait(self.number, None if timeout is None else left)
            self.refresh()
        return self.is_ready

    async def await_(self, timeout: float | None = None, *, allow_sync: bool = False) -> bool:
        """See `wait`; does not block the event loop."""
        await sync_to_async(self.refuse_inside_transaction)()
        wait = sync_to_async(self._wait_elsewhere, thread_sensitive=False)
        return await wait(timeout, allow_sync)

    def _wait_elsewhere(self, timeout: float | None, allow_sync: bool) -> bool:
        """Wait in a thread of asyncio's, which would keep a database connection of its own for ever."""
        try:
            return self.wait(timeout, allow_sync=allow_sync)
        finally:
            get_engine().connection.close()

    def get(self, timeout: float | None = None, *, allow_sync: bool = False) -> Any:
        """Wait for the task's end and return its value.

        Raises:
            TaskFailed, TaskCancelled, TaskExpired: how it ended. ResultTimeout: it has not, after `timeout` seconds.
            InsideTransaction: it was enqueued in the current transaction.
            WaitInsideTask: the caller is a running task, and `allow_sync` was not given; or it waits for itself.
        """
        return self._outcome(self.wait(timeout, allow_sync=allow_sync), timeout)

    async def aget(self, timeout: float | None = None, *, allow_sync: bool = False) -> Any:
        """See `get`; does not block the event loop."""
        has_ended = await self.await_(timeout, allow_sync=allow_sync)
        return await sync_to_async(self._outcome, thread_sensitive=False)(has_ended, timeout)

    def then(
        self,
        on_success: Callable[[Any], object],
        on_failure: Callable[[Exception], object] | None = None,
    ) -> Self:
        """Call a function of this process when the task has ended; return the result.

        `on_success` gets the value, `on_failure` the error that `get()` would raise. They are called in a thread that
        all callbacks of the process share; what they raise is logged. Inside the transaction that enqueued the task
        the waiting begins with the commit. Nobody calls them when this process has ended: `link` and `link_error` are
        for what must happen.

        Raises:
            TypeError: one of them is no function, or a coroutine function.
        """
        for name, function in (("on_success", on_success), ("on_failure", on_failure)):
            is_optional = name == "on_failure" and function is None
            if not is_optional and (not callable(function) or iscoroutinefunction(function)):
                raise TypeError(
                    f"then({name}={function!r:.100}): expected a plain function; a coroutine awaits aget() instead."
                )
        alias = get_engine().alias
        self._birth.when_past(
            lambda: get_watcher(alias).add(
                Callback(self.number, self._reload, on_success, on_failure)
            )
        )
        return self

    def _reload(self) -> Waiting:
        raise NotImplementedError

    def outcome(self) -> Any:
        """Return the value of a task that has ended, or raise how it ended: see `get`."""
        return self._outcome(True, None)

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

    def refuse_inside_transaction(self) -> None:
        if not self._birth.is_past and get_engine().connection.in_atomic_block:
            self.refresh()
            if self.is_ready:  # it has run in the same transaction: see `taskhub.testing`
                return
            raise errors.InsideTransaction(
                f"Task {self.id} was enqueued in this transaction, which has not been committed: no worker can see it, "
                "so waiting would never end. Wait after the `with transaction.atomic():` block."
            )


def refuse_inside_task(*ids: str, allow_sync: bool) -> None:
    """Refuse to block a running task until others have ended, unless its author knows that they have slots of theirs.

    Raises:
        WaitInsideTask: says what to do instead.
    """
    run = current_run.get()
    if run is None:
        return
    name = run.definition.identifier
    if str(run.claim.id) in ids:
        raise errors.WaitInsideTask(
            f"Task {run.claim.id} ({name}) waits for its own end, which comes after it has returned."
        )
    if not allow_sync:
        raise errors.WaitInsideTask(
            f"Task {run.claim.id} ({name}) waits inside a worker for task {', '.join(ids[:3])}"
            f"{' and others' if len(ids) > 3 else ''}: it holds a slot meanwhile, and when all slots are held by tasks "
            "that wait, none of them ever ends. Let the rest be a task of its own (chain, chord, link=), or pass "
            "allow_sync=True where others run on a queue with workers of its own."
        )
