"""Cancel: end what waits, and ask what runs to stop."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from taskhub.engines import get_engine
from taskhub.engines.wakeups import Kind
from taskhub.errors import IllegalTransition
from taskhub.models import Task
from taskhub.queue.announce import announce_finished
from taskhub.queue.transition import BATCH, move, move_all, tasks
from taskhub.states import WAITING, TaskState
from taskhub.text import storable
from taskhub.trying import trying_again


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


def cancel_by_tag(tag: str, reason: str = "") -> int:
    """Cancel all live tasks with this tag; return how many were cancelled or asked to stop."""
    return cancel_where(tasks().filter(tags__name=tag), reason)


def cancel_where(chosen: QuerySet[Task], reason: str = "") -> int:
    """Cancel the live ones of `chosen`, in batches of a transaction each; return how many were cancelled or asked."""
    reason = storable(reason, 500)

    def waiting() -> list[int]:
        ids = list(
            chosen.filter(state__in=sorted(WAITING))
            .order_by("id")
            .values_list("id", flat=True)[:BATCH]
        )
        return (
            move(tasks().filter(id__in=ids), TaskState.CANCELLED, sources=WAITING, reason=reason)
            if ids
            else []
        )

    return move_all(waiting, announce_finished) + _ask_running(chosen, reason)


def _ask_running(chosen: QuerySet[Task], reason: str) -> int:
    engine = get_engine()

    def ask() -> int:
        with transaction.atomic(engine.alias):
            running = tasks().filter(
                id__in=ids, state=TaskState.RUNNING, cancel_requested_at__isnull=True
            )
            asked = list(running.select_for_update().order_by("id").values_list("id", flat=True))
            if asked:
                tasks().filter(id__in=asked).update(
                    cancel_requested_at=engine.clock(), reason=reason
                )
                engine.notify(Kind.CANCEL)
            return len(asked)

    ids = list(
        chosen.filter(state=TaskState.RUNNING, cancel_requested_at__isnull=True).values_list(
            "id", flat=True
        )
    )
    return trying_again(ask, engine) if ids else 0
