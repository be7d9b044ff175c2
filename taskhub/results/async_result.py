"""AsyncResult: what the enqueuer holds; a TaskResult of django.tasks with state, progress, waiting and actions."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import Any

from asgiref.sync import sync_to_async

from taskhub import compat, queue
from taskhub.engines import get_engine
from taskhub.models import Step, Task
from taskhub.queue.kept_values import get_value
from taskhub.result_backends import Kept
from taskhub.results.birth import PAST, Birth
from taskhub.results.waiting import Waiting
from taskhub.states import TaskState

_VALUE = "_return_value"  # of django.tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncResult(Waiting, compat.TaskResult):  # type: ignore[misc, type-arg]
    """A task as it was when last read: `refresh()` reads again, `wait()` and `get()` until it has ended."""

    state: TaskState
    progress: float = 0.0
    progress_message: str = ""
    reason: str = ""
    is_duplicate: bool = False
    workflow_id: int | None = None
    parent_id: int | None = None
    _birth: Birth = field(default=PAST, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Take the arguments as they are: they have been JSON in every way here, and need no second normalization."""

    @property
    def is_successful(self) -> bool:
        return self.state == TaskState.SUCCEEDED

    @property
    def is_failed(self) -> bool:
        """The task has ended otherwise than by success."""
        return self.is_ready and not self.is_successful

    @property
    def return_value(self) -> Any:
        """The value of a task that succeeded; where a result backend keeps it, it is read when first asked for.

        Raises:
            ValueError: the task has not succeeded. ResultEvicted: it has, but its value is not kept any more.
            ResultUnavailable: what keeps it does not answer.
        """
        value: Any = getattr(self, _VALUE)
        if isinstance(value, Kept):
            object.__setattr__(self, _VALUE, get_value(value))
        return compat.TaskResult.return_value.__get__(self)  # super() is not to be had with slots

    def refresh(self) -> None:
        """Read the task again.

        Raises:
            TaskResultDoesNotExist: it was rolled back or pruned. InsideTransaction: it is not enqueued yet.
        """
        fresh = self._reload()
        for item in fields(fresh):
            if item.name not in ("task", "_birth", "is_duplicate"):
                object.__setattr__(self, item.name, getattr(fresh, item.name))

    def _reload(self) -> AsyncResult:
        from taskhub.results.loading import load

        return load(str(self.number), self.backend)

    def become(self, other: AsyncResult) -> None:
        """Be the result of the same task as another one."""
        for item in fields(other):
            object.__setattr__(self, item.name, getattr(other, item.name))

    async def arefresh(self) -> None:
        """See `refresh`."""
        await sync_to_async(self.refresh)()

    @property
    def children(self) -> list[AsyncResult]:
        """The tasks that this one has spawned, oldest first; read from the database each time."""
        from taskhub.results.loading import load

        ids = Task.objects.using(get_engine().alias).filter(parent_id=self.number).order_by("id")
        return [load(str(task_id), self.backend) for task_id in ids.values_list("id", flat=True)]

    @property
    def parent(self) -> AsyncResult | None:
        """The task that spawned this one; None where there is none, or it has been pruned."""
        from taskhub.results.loading import load

        with suppress(compat.TaskResultDoesNotExist):
            return None if self.parent_id is None else load(str(self.parent_id), self.backend)
        return None

    @property
    def steps(self) -> list[Step]:
        """The steps that the task has done, in their order; read from the database each time."""
        return list(Step.objects.using(get_engine().alias).filter(task_id=self.number))

    def revoke(self, reason: str = "revoked by its enqueuer") -> TaskState:
        """Cancel the task; see `taskhub.queue.cancel`. The result is refreshed."""
        state = queue.cancel(self.number, reason)
        self.refresh()
        return state

    async def arevoke(self, reason: str = "revoked by its enqueuer") -> TaskState:
        """See `revoke`."""
        return await sync_to_async(self.revoke)(reason)

    def retry(self, *, from_step: str | None = None) -> None:
        """Queue the task again after it ended without success; see `taskhub.queue.retry`. The result is refreshed."""
        queue.retry(self.number, from_step=from_step)
        self.refresh()

    async def aretry(self, *, from_step: str | None = None) -> None:
        """See `retry`."""
        await sync_to_async(self.retry)(from_step=from_step)
