"""Firing: what is due is enqueued, one schedule after the other, each in one transaction; there is no loop here.

The row of the schedule is locked, the runs are inserted and the tasks enqueued together: whoever else wants to fire the
same time finds the row locked or the time past, and the unique constraint of ScheduleRun has the last word.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Min, Q, QuerySet
from django.db.utils import Error

from taskhub.engines import Engine, get_engine
from taskhub.errors import EnqueueFailed
from taskhub.models import Decision, DisabledBy, Schedule, ScheduleRun
from taskhub.policies import MOST_AT_ONCE
from taskhub.schedules.editing import switch_off
from taskhub.schedules.misfires import Verdict, judge, made_up
from taskhub.schedules.runs import known_times, prune_runs, run
from taskhub.trying import trying_again

logger = logging.getLogger("taskhub.schedules")

BATCH = 100  # schedules that one call fires


def fire_due(names: Collection[str], now: datetime | None = None) -> int:
    """Fire up to BATCH schedules of these tasks that are due, the longest overdue first; return how many it were.

    A schedule that cannot be kept is disabled with the reason, and the others go on. `now`: the database's clock.

    Raises:
        DatabaseError: the first trouble that the database had with one of them; the others are fired all the same,
            unless the connection is lost.
    """
    engine = get_engine()
    at = now or engine.now()
    due = _due(engine, at).filter(task__in=names).order_by("next_due_at")
    fired, trouble = 0, None
    for pk in list(due.values_list("pk", flat=True)[:BATCH]):
        try:
            fired += trying_again(partial(_fire, engine, pk, at), engine)
        except Error as error:
            trouble = trouble or error
            if not engine.is_connected():
                break
    if trouble is not None:
        raise trouble
    return fired


def seconds_to_next(names: Collection[str], now: datetime | None = None) -> float | None:
    """Return the seconds until a schedule of these tasks is due, 0 or less where one is; None where none will be."""
    engine = get_engine()
    mine = _schedules(engine).filter(task__in=names)
    first = mine.aggregate(due=Min("next_due_at"), asked=Min("requested_at"))
    if first["asked"] is not None:
        return 0.0
    due: datetime | None = first["due"]
    return None if due is None else (due - (now or engine.now())).total_seconds()


def _fire(engine: Engine, pk: int, now: datetime) -> int:
    try:
        with transaction.atomic(engine.alias):
            due = _due(engine, now).filter(pk=pk)
            schedule = due.select_for_update(skip_locked=True).first()
            if schedule is None:  # somebody else fires it, or has
                return 0
            if schedule.requested_at is not None:
                _fulfil(engine, schedule, now)
            if schedule.next_due_at is not None and schedule.next_due_at <= now:
                _keep(engine, schedule, now)
            return 1
    except Error:
        raise
    except Exception as error:  # whatever is wrong with one row, the others go on
        cause = error.__cause__
        if isinstance(error, EnqueueFailed) and cause is not None and engine.is_transient(cause):
            raise cause from None
        logger.exception("The schedule %d cannot be kept and is disabled.", pk)
        reason = f"{type(error).__name__}: {error}"
        return switch_off(engine, pk, DisabledBy.ERROR, reason)


def _fulfil(engine: Engine, schedule: Schedule, now: datetime) -> None:
    """Run a schedule because somebody asked for it, whatever its overlap policy says."""
    run(engine, schedule, now, now, is_manual=True)
    schedule.requested_at = None
    schedule.save(using=engine.alias, update_fields=["requested_at", "open_tasks"])


def _keep(engine: Engine, schedule: Schedule, now: datetime) -> None:
    """Decide on each time that has come, and work out the next."""
    timing, since = schedule.timing, schedule.next_due_at or now
    times, is_all = timing.newest(since, now, MOST_AT_ONCE)
    verdict = judge(times, now, schedule.policies, is_all=is_all)
    decided = known_times(engine, schedule, times)
    if verdict.left_out and verdict.left_out[-1] not in decided:
        _note_missed(engine, schedule, verdict, now)
    for due in verdict.run:
        if due not in decided:
            why = made_up(due, now, schedule.policies)
            run(engine, schedule, due, now, made_up=why)
    schedule.next_due_at = timing.next(now)
    schedule.save(using=engine.alias, update_fields=["next_due_at", "open_tasks"])
    prune_runs(engine, schedule)


def _note_missed(engine: Engine, schedule: Schedule, verdict: Verdict, now: datetime) -> None:
    ScheduleRun.objects.using(engine.alias).create(
        schedule=schedule,
        due_at=verdict.left_out[-1],
        decided_at=now,
        decision=Decision.MISSED,
        reason=verdict.reason[:500],
    )


def _due(engine: Engine, now: datetime) -> QuerySet[Schedule]:
    return _schedules(engine).filter(Q(next_due_at__lte=now) | Q(requested_at__isnull=False))


def _schedules(engine: Engine) -> QuerySet[Schedule]:
    return Schedule.objects.using(engine.alias)
