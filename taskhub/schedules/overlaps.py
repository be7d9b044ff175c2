"""Overlaps: what becomes of a due time while the task of an earlier one has not ended."""

from __future__ import annotations

from dataclasses import dataclass

from taskhub.engines import get_engine
from taskhub.models import Schedule, Task
from taskhub.policies import Overlap
from taskhub.queue.cancel import cancel_where
from taskhub.schedules.calls import slot_of
from taskhub.states import LIVE, TaskState

REMEMBERED = 100  # of the last tasks, those that a schedule looks at


@dataclass(frozen=True, slots=True)
class _Open:
    id: int
    state: str
    slot: str | None


def obstacle(schedule: Schedule) -> str:
    """Return why no task may be enqueued now, or ""; earlier ones are cancelled where the policy says so.

    The caller has locked the schedule, and saves its `open_tasks`.
    """
    opened = _still_open(schedule)
    schedule.open_tasks = [one.id for one in opened]
    if not opened:
        return ""
    first = f"task #{opened[0].id} of an earlier time is {opened[0].state}"
    match schedule.overlap:
        case Overlap.SKIP:
            return f"{first} (overlap: skip)"
        case Overlap.QUEUE_ONE:
            return _queue_one(schedule, opened)
        case Overlap.CANCEL_PREVIOUS:
            tasks = Task.objects.using(get_engine().alias).filter(id__in=schedule.open_tasks)
            cancel_where(
                tasks, f"the schedule {schedule.name} was due again (overlap: cancel previous)"
            )
    return ""


def remember(schedule: Schedule, task_id: int) -> None:
    """Note a task that was enqueued for a schedule."""
    schedule.open_tasks = [*schedule.open_tasks, task_id][-REMEMBERED:]


def _queue_one(schedule: Schedule, opened: list[_Open]) -> str:
    for one in opened:
        if one.state != TaskState.RUNNING:
            return f"task #{one.id} waits already (overlap: queue one)"
        if one.slot != slot_of(
            schedule
        ):  # enqueued under another policy: nothing would wait for its end
            return f"task #{one.id} of an earlier time is running (overlap: queue one)"
    return ""


def _still_open(schedule: Schedule) -> list[_Open]:
    known = schedule.open_tasks if isinstance(schedule.open_tasks, list) else []
    if not known:
        return []
    rows = Task.objects.using(get_engine().alias).filter(id__in=known, state__in=sorted(LIVE))
    return [
        _Open(*row) for row in rows.order_by("id").values_list("id", "state", "concurrency_key")
    ]
