"""GroupResult: how tasks that were enqueued side by side stand, and their values in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from asgiref.sync import sync_to_async

from taskhub import errors
from taskhub.engines import get_engine
from taskhub.models import Task, WorkflowRun
from taskhub.queue.cancel import cancel_where
from taskhub.queue.transition import tasks
from taskhub.results import AsyncResult
from taskhub.states import FINISHED, LIVE, TaskState
from taskhub.workflows.arrivals import Arrivals

_PART = 1000


class GroupResult:
    """The results of a group, each an AsyncResult or a GroupResult, in the order in which they were given."""

    def __init__(self, results: Sequence[AsyncResult | GroupResult]) -> None:
        self.results = list(results)

    def __iter__(self) -> Iterator[AsyncResult | GroupResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, index: int) -> AsyncResult | GroupResult:
        return self.results[index]

    @property
    def workflow_id(self) -> int | None:
        """The workflow that its tasks belong to; None before they are enqueued (`enqueue_after`)."""
        return self.results[0].workflow_id if self.results else None

    def __repr__(self) -> str:
        return f"<GroupResult of {len(self.results)}, workflow {self.workflow_id}>"

    # -- how it stands ----------------------------------------------------------------------------------------------

    def leaves(self) -> list[AsyncResult]:
        """Return the results of all tasks whose values it gathers, those of nested groups in their places."""
        found: list[AsyncResult] = []
        for result in self.results:
            found += result.leaves() if isinstance(result, GroupResult) else [result]
        return found

    def states(self) -> dict[str, TaskState]:
        """Read the states of all its tasks, by their ids; one query for a thousand. Deleted ones are not in it."""
        ids = [leaf.number for leaf in self.leaves()]
        found: dict[str, TaskState] = {}
        for start in range(0, len(ids), _PART):
            part = tasks().filter(id__in=ids[start : start + _PART]).values_list("id", "state")
            found |= {str(id_): TaskState(state) for id_, state in part}
        return found

    @property
    def completed_count(self) -> int:
        """How many have ended, in whatever way, those included that have been deleted since."""
        return len(self.leaves()) - sum(state in LIVE for state in self.states().values())

    @property
    def is_ready(self) -> bool:
        """All have ended; to read one that has been deleted raises TaskResultDoesNotExist."""
        return self.completed_count == len(self.leaves())

    @property
    def is_successful(self) -> bool:
        """All have succeeded, and none has been deleted."""
        states = self.states().values()
        return len(states) == len(self.leaves()) and set(states) == {TaskState.SUCCEEDED}

    @property
    def is_failed(self) -> bool:
        """One has ended otherwise than by success."""
        return any(state in FINISHED - {TaskState.SUCCEEDED} for state in self.states().values())

    # -- waiting ----------------------------------------------------------------------------------------------------

    def as_completed(self, timeout: float | None = None, *, allow_sync: bool = False) -> Arrivals:
        """Give the results of its tasks as they end, those that have ended first: for `for` and for `async for`.

        Raises:
            ResultTimeout: not all have ended, `timeout` seconds after the first was asked for.
            InsideTransaction: they were enqueued in the current transaction.
            WaitInsideTask: the caller is a running task, and `allow_sync` was not given.
            TaskResultDoesNotExist: one was rolled back, deleted or pruned; the next step goes on with the others.
        """
        return Arrivals(self.leaves(), self.states, timeout, allow_sync=allow_sync)

    def wait(self, timeout: float | None = None, *, allow_sync: bool = False) -> bool:
        """Wait until all have ended, at most `timeout` seconds; return whether they have."""
        try:
            for _ in self.as_completed(timeout, allow_sync=allow_sync):
                pass
        except errors.ResultTimeout:
            return False
        return True

    def get(self, timeout: float | None = None, *, allow_sync: bool = False) -> list[Any]:
        """Wait for all and return their values in order.

        Raises:
            TaskFailed, TaskCancelled, TaskExpired: of the first in order that did not succeed. ResultTimeout.
            TaskResultDoesNotExist: one was rolled back, deleted or pruned.
            InsideTransaction, WaitInsideTask: as `as_completed`.
        """
        for _ in self.as_completed(timeout, allow_sync=allow_sync):
            pass
        return [result.get(0) for result in self.results]

    async def aget(self, timeout: float | None = None, *, allow_sync: bool = False) -> list[Any]:
        """See `get`; does not block the event loop."""
        async for _ in self.as_completed(timeout, allow_sync=allow_sync):
            pass
        return [await sync_to_async(result.get)(0) for result in self.results]

    def revoke(self, reason: str = "revoked by its enqueuer") -> int:
        """Cancel all of its tasks that have not ended; return how many were cancelled or asked to stop."""
        ids = [leaf.number for leaf in self.leaves()]
        return sum(
            cancel_where(tasks().filter(id__in=ids[start : start + _PART]), reason)
            for start in range(0, len(ids), _PART)
        )

    async def arevoke(self, reason: str = "revoked by its enqueuer") -> int:
        """See `revoke`."""
        return await sync_to_async(self.revoke)(reason)


def get_workflow(workflow_id: int) -> WorkflowRun:
    """Return the row of a workflow; `.tasks` are its tasks.

    Raises:
        WorkflowRun.DoesNotExist: no such workflow.
    """
    return WorkflowRun.objects.using(get_engine().alias).get(pk=workflow_id)


def cancel_workflow(workflow_id: int, reason: str = "") -> int:
    """Cancel what is left of a workflow; return how many tasks were cancelled or asked to stop."""
    left = Task.objects.using(get_engine().alias).filter(workflow_id=workflow_id)
    return cancel_where(left, reason or f"workflow {workflow_id} was cancelled")
