"""Cancel: end what waits, and ask what runs to stop."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.db.models import QuerySet

from taskhub.engines import get_engine
from taskhub.engines.wakeups import Kind
from taskhub.errors import IllegalTransition
from taskhub.models import Task
from taskhub.queue.announce import announce_finished
from taskhub.queue.settle import settle
from taskhub.queue.transition import in_batches, move, tasks
from taskhub.states import LIVE, WAITING, TaskState
from taskhub.text import storable


def cancel(task_id: int, reason: str = "") -> TaskState:
    """Cancel one task; return its state afterwards: `cancelled`, or `running` where it has been asked to stop.

    A running task is asked once; it ends as cancelled, or as succeeded where the request came too late.

    Raises:
        Task.DoesNotExist: no such task. IllegalTransition: it has ended already.
    """
    one = tasks().filter(id=task_id)
    if cancel_where(one, reason):
        return TaskState(one.values_list("state", flat=True).get())
    task = one.get()
    if task.state == TaskState.RUNNING:
        return TaskState.RUNNING
    raise IllegalTransition(
        f"Task #{task_id} ({task.name}) is {task.state}; expected one that waits or runs."
    )


def cancel_where(
    chosen: QuerySet[Task], reason: str = "", *, states: Collection[TaskState] = LIVE
) -> int:
    """Cancel those of `chosen` in live `states`, in batches of a transaction each; return how many.

    Those that run are asked to stop, and counted when they had not been asked before. What depends on another goes
    before it, and so never starts because the other was cancelled.
    """
    reason = storable(reason, 500)
    # Ids grow from need to dependent. Inside the caller's transaction nobody sees what is between two batches, and
    # its locks are taken in the order in which all others take them.
    newest_first = not get_engine().connection.in_atomic_block
    return in_batches(
        chosen.filter(state__in=sorted(states)),
        lambda ids: _cancel(ids, reason, states),
        newest_first=newest_first,
    )


def _cancel(ids: list[int], reason: str, states: Collection[TaskState]) -> int:
    """Look at the tasks under their locks: what runs now may wait in a moment, and the reverse."""
    engine = get_engine()
    with transaction.atomic(engine.alias):
        # By their ids alone: with the states in it, MySQL may lock along another index, in another order than others.
        locked = tasks().filter(id__in=ids).order_by("id").select_for_update()
        rows = [
            row
            for row in locked.values_list("id", "state", "cancel_requested_at")
            if row[1] in states
        ]
        waiting = [task_id for task_id, state, _ in rows if state != TaskState.RUNNING]
        asked = [task_id for task_id, state, at in rows if state == TaskState.RUNNING and not at]
        if waiting:
            move(tasks().filter(id__in=waiting), TaskState.CANCELLED, reason=reason)
            settle(engine, waiting)
            announce_finished(waiting)
        if asked:
            tasks().filter(id__in=asked).update(cancel_requested_at=engine.clock(), reason=reason)
            engine.notify(Kind.CANCEL)
    return len(waiting) + len(asked) + cancel_children([*waiting, *asked], reason)


def cancel_children(parents: Collection[int], reason: str = "") -> int:
    """Cancel what these cancelled tasks have spawned, and theirs in turn, unless it has started; return how many."""
    children = tasks().filter(parent_id__in=parents)
    why = reason or "the task that spawned it was cancelled"
    return cancel_where(children, why, states=WAITING)
