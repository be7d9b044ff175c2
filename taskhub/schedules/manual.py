"""Manual: somebody runs a schedule now, or asks a worker to."""

from __future__ import annotations

from django.db import transaction

from taskhub.engines import get_engine
from taskhub.engines.wakeups import Kind as Wakeup
from taskhub.errors import UnknownTask
from taskhub.models import Schedule
from taskhub.results import AsyncResult
from taskhub.schedules.reading import get
from taskhub.schedules.runs import enqueue, note_task


def run_now(name: str) -> AsyncResult:
    """Enqueue the task of a schedule at once, whether it is enabled or not, and note the run in its history.

    Whoever asks for it overrules the overlap policy; with `queue_one` the task waits for the others all the same.

    Raises:
        ScheduleError: there is none of this name. UnknownTask: this process lacks the task's code. Else as `enqueue()`.
    """
    engine = get_engine()
    pk = get(name).pk
    with transaction.atomic(engine.alias):
        schedule = Schedule.objects.using(engine.alias).select_for_update().get(pk=pk)
        now = engine.now()
        result = enqueue(engine, schedule, now)
        if not result.is_duplicate:
            note_task(engine, schedule, now, now, int(result.id), is_manual=True)
            schedule.save(using=engine.alias, update_fields=["open_tasks"])
    return result


def run_here_or_elsewhere(name: str) -> None:
    """Run a schedule at once: here, or by a worker where only that has the task's code.

    Raises:
        As `run_now`, but for UnknownTask.
    """
    try:
        run_now(name)
    except UnknownTask:
        ask_to_run(name)


def ask_to_run(name: str) -> None:
    """Let a worker that has the task's code run a schedule at once: for sites that have not.

    Raises:
        ScheduleError: there is none of this name.
    """
    engine = get_engine()
    row = Schedule.objects.using(engine.alias).filter(pk=get(name).pk)
    with transaction.atomic(engine.alias):
        row.update(requested_at=engine.clock())
        engine.notify(Wakeup.SCHEDULE)
