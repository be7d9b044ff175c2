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


@dataclass(frozen=True, slots=True)
class Beside:
    """What the tasks of earlier times mean for one that is due: in the way, or what became of them; "" is nothing."""

    reason: str = ""
    is_in_the_way: bool = False


def look(schedule: Schedule) -> Beside:
    """Look at the tasks of earlier times that have not ended; they are cancelled where the policy says so.

    The caller has locked the schedule, and saves its `open_tasks`.
    """
    opened = _still_open(schedule)
    schedule.open_tasks = [one.id for one in opened]
    if not opened:
        return Beside()
    match schedule.overlap:
        case Overlap.SKIP:
            first = f"task #{opened[0].id} of an earlier time is {opened[0].state}"
            return Beside(f"{first} (overlap: skip)", is_in_the_way=True)
        case Overlap.QUEUE_ONE:
            return _queue_one(schedule, opened)
        case Overlap.CANCEL_PREVIOUS:
            return _cancel_previous(schedule)
    return Beside()


def remember(schedule: Schedule, task_id: int) -> None:
    """Note a task that was enqueued for a schedule."""
    schedule.open_tasks = [*schedule.open_tasks, task_id][-REMEMBERED:]


def _queue_one(schedule: Schedule, opened: list[_Open]) -> Beside:
    end = "(overlap: queue one)"
    for one in opened:
        if one.state != TaskState.RUNNING:
            return Beside(f"task #{one.id} waits already {end}", is_in_the_way=True)
        running = f"task #{one.id} of an earlier time is running {end}"
        if one.slot != slot_of(schedule):  # of another policy: nothing would wait for its end
            return Beside(running, is_in_the_way=True)
    return Beside(f"it waits: {running}")


def _cancel_previous(schedule: Schedule) -> Beside:
    ids = schedule.open_tasks
    tasks = Task.objects.using(get_engine().alias).filter(id__in=ids)
    end = "(overlap: cancel previous)"
    if not cancel_where(tasks, f"the schedule {schedule.name} was due again {end}"):
        return Beside()  # they have ended meanwhile, or were asked to stop before
    those = f"task #{ids[0]}" if len(ids) == 1 else f"{len(ids)} tasks, the first #{ids[0]},"
    return Beside(f"{those} of earlier times made way {end}")


def _still_open(schedule: Schedule) -> list[_Open]:
    known = schedule.open_tasks if isinstance(schedule.open_tasks, list) else []
    if not known:
        return []
    rows = Task.objects.using(get_engine().alias).filter(id__in=known, state__in=sorted(LIVE))
    return [
        _Open(*row) for row in rows.order_by("id").values_list("id", "state", "concurrency_key")
    ]
