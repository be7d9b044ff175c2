"""Eager: chosen tasks run at once in the calling thread, whatever time they were to wait for."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from taskhub import errors
from taskhub.models import Task
from taskhub.queue.directly import AT_A_GATE, claim_directly
from taskhub.states import TaskState
from workers.inline.worker import InlineWorker

_MOST = 1000  # attempts of one task

_CAN_RUN = Q(state=TaskState.QUEUED) | Q(
    state__in=[TaskState.PENDING, TaskState.RETRYING], waits_for__in=AT_A_GATE
)


def run_now(chosen: QuerySet[Task], *, propagate: bool = False) -> None:
    """Run `chosen` tasks until none of them can run; their delays, and those of their retries, take no time.

    What waits for a slot or a token that is not there, or a paused queue, is left to wait. `propagate` raises what
    a task raised that failed
    for good.

    Raises:
        TaskhubError: a task puts itself off again and again.
    """
    made: dict[int, int] = {}
    left: set[int] = set()
    with InlineWorker() as worker:
        while (task_id := _next(chosen, left)) is not None:
            claim = claim_directly(worker.row.pk, task_id)
            if claim is None:
                left.add(task_id)
                continue
            made[task_id] = made.get(task_id, 0) + 1
            if made[task_id] > _MOST:
                raise errors.TaskhubError(
                    f"Task {task_id} ({claim.name}) was put off {_MOST} times while TASKHUB['EAGER'] is on: what it "
                    "waits for cannot happen meanwhile."
                )
            ending = worker.run(claim)
            left.clear()  # it may have freed a slot
            if propagate and ending is not None and ending.state == TaskState.FAILED:
                raise worker.error or errors.TaskFailed(
                    ending.message, error_class=ending.error_class, traceback=ending.traceback
                )


def _next(chosen: QuerySet[Task], left: set[int]) -> int | None:
    ids = chosen.filter(_CAN_RUN).exclude(id__in=left).order_by("-priority", "id")
    return ids.values_list("id", flat=True).first()
