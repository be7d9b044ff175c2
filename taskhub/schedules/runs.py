"""Runs: one time of a schedule becomes a task, or a reason why it does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.db.utils import Error

from taskhub.engines import Engine
from taskhub.errors import (
    EnqueueFailed,
    InvalidArguments,
    InvalidOption,
    ScheduleError,
    TaskhubError,
    UnknownTask,
)
from taskhub.models import Decision, Schedule, ScheduleRun
from taskhub.results import AsyncResult
from taskhub.schedules.calls import arguments_of, definition_of
from taskhub.schedules.overlaps import Beside, look, remember
from taskhub.signature import Signature
from taskhub.text import storable

KEPT = 1000  # runs of each schedule, the newest
_PRUNED_EVERY = 100  # times that this process fires a schedule
_fired: Counter[int] = Counter()  # of each schedule, by its id
_OF_THE_SCHEDULE = (ScheduleError, InvalidOption, InvalidArguments, UnknownTask)


def run(
    engine: Engine,
    schedule: Schedule,
    due_at: datetime,
    now: datetime,
    *,
    is_manual: bool = False,
    made_up: str = "",
) -> ScheduleRun:
    """Enqueue the task of a due time, or note why not; in the caller's transaction, which has locked the schedule.

    `made_up` says why it is run so late.

    What is wrong with the schedule itself is raised, and a database in trouble. A full queue, a unique key that is
    taken and what the site's own code raises (functions that make keys, receivers of signals) cost this time only.
    """
    beside = Beside() if is_manual else look(schedule)
    if beside.is_in_the_way:
        return note(engine, schedule, due_at, now, Decision.OVERLAPPED, beside.reason)
    try:
        result = enqueue(engine, schedule, now)
    except (EnqueueFailed, *_OF_THE_SCHEDULE):
        raise
    except Exception as error:  # the boundary around the site's code
        if isinstance(error, Error) and engine.is_transient(error):
            raise
        reason = (
            str(error) if isinstance(error, TaskhubError) else f"{type(error).__name__}: {error}"
        )
        return note(engine, schedule, due_at, now, Decision.REFUSED, reason, is_manual=is_manual)
    if result.is_duplicate:
        reason = f"task #{result.id}, which has the same unique key, has not ended"
        return note(engine, schedule, due_at, now, Decision.REFUSED, reason, is_manual=is_manual)
    reason = "; ".join(filter(None, (made_up, beside.reason)))
    return note_task(engine, schedule, due_at, now, int(result.id), reason, is_manual=is_manual)


def enqueue(engine: Engine, schedule: Schedule, now: datetime) -> AsyncResult:
    """Enqueue the task of a schedule; where that is refused, the caller's transaction goes on."""
    args, kwargs = arguments_of(schedule)
    with transaction.atomic(engine.alias):
        return Signature(definition_of(schedule, now), tuple(args), kwargs).enqueue()


def note_task(
    engine: Engine,
    schedule: Schedule,
    due_at: datetime,
    now: datetime,
    task_id: int,
    reason: str = "",
    *,
    is_manual: bool = False,
) -> ScheduleRun:
    """Write that a task was enqueued; the reason is for what is out of the ordinary."""
    remember(schedule, task_id)
    return _runs(engine).create(
        schedule=schedule, due_at=due_at, decided_at=now, decision=Decision.ENQUEUED, task_id=task_id,
        reason=storable(reason, 500), is_manual=is_manual,
    )  # fmt: skip


def note(
    engine: Engine,
    schedule: Schedule,
    due_at: datetime,
    now: datetime,
    decision: Decision,
    reason: str,
    *,
    is_manual: bool = False,
) -> ScheduleRun:
    """Write why no task was enqueued."""
    return _runs(engine).create(
        schedule=schedule, due_at=due_at, decided_at=now, decision=decision, reason=storable(reason, 500),
        is_manual=is_manual,
    )  # fmt: skip


def known_times(engine: Engine, schedule: Schedule, times: Sequence[datetime]) -> set[datetime]:
    """Return those of `times` that were decided on already: an edit while the clock stood wrong may bring them back."""
    if not times:
        return set()
    known = _runs(engine).filter(schedule=schedule, due_at__range=(times[0], times[-1]))
    return set(known.values_list("due_at", flat=True))


def prune_runs(engine: Engine, schedule: Schedule) -> None:
    """Delete the runs of a schedule beyond the newest KEPT, every now and then: the first time, and each hundredth."""
    _fired[schedule.pk] += 1
    if _fired[schedule.pk] % _PRUNED_EVERY != 1:
        return
    mine = _runs(engine).filter(schedule=schedule)
    if last := mine.order_by("-due_at").values_list("due_at", flat=True)[KEPT : KEPT + 1]:
        mine.filter(due_at__lte=last[0]).delete()


def _runs(engine: Engine) -> QuerySet[ScheduleRun]:
    return ScheduleRun.objects.using(engine.alias)
