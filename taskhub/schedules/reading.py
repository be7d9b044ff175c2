"""Reading: schedules, their next times and what became of the last ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from itertools import islice

from django.db.models import F, Q

from taskhub import cron
from taskhub.engines import get_engine, queue_alias
from taskhub.engines.timetable import PastRun
from taskhub.errors import ScheduleError
from taskhub.models import Decision, Schedule, ScheduleRun
from taskhub.text import is_storable
from taskhub.timing import Kind, Timing
from taskhub.zones import ClockChange, changes, zone_of

_A_YEAR = timedelta(days=366)
_LATE_AFTER = 10.0  # seconds
_MOST_MISSED = 1000
_LOOKED_AT = 10_000  # runs, the newest: there is no index of when they were decided on
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Run:
    """What became of one time of a schedule. Without a task, or where that was pruned, there is no state.

    `wait_seconds` are from the due time to the start of the task's last attempt, `run_seconds` those that it took.
    """

    due_at: datetime
    decision: Decision
    reason: str
    is_manual: bool
    late_seconds: float
    task_id: int | None = None
    state: str = ""
    wait_seconds: float | None = None
    run_seconds: float | None = None


def every_schedule() -> list[Schedule]:
    """Return all schedules, by their names."""
    return [*Schedule.objects.using(queue_alias()).order_by("name")]


def get(name: str) -> Schedule:
    """Return a schedule by its name.

    Raises:
        ScheduleError: there is none; says which names are close.
    """
    rows = Schedule.objects.using(queue_alias())
    found = rows.filter(name=name).first() if is_storable(str(name)) else None
    if found is None:
        close = get_close_matches(str(name), [*rows.values_list("name", flat=True)], n=2)
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise ScheduleError(f"No schedule is named {name!r}.{hint}")
    return found


def words_of(schedule: Schedule) -> str:
    """Return in words when a schedule is due; as it was typed where a row changed by hand cannot be read."""
    try:
        return schedule.timing.words
    except (ScheduleError, ValueError, OverflowError):
        return schedule.cron or schedule.kind


def standing(schedule: Schedule) -> str:
    """Say how a schedule stands: on, over, or who switched it off and why."""
    if schedule.enabled:
        return "on" if schedule.next_due_at else "over"
    by = schedule.get_disabled_by_display() if schedule.disabled_by else "somebody"
    return f"disabled by {by}. {schedule.disabled_reason}".strip()


def next_runs(
    schedule: Schedule | Timing | str, count: int = 10, after: datetime | None = None
) -> list[datetime]:
    """Return the next times at which a schedule is due, enabled or not, as aware UTC; `after`: the database's clock."""
    if isinstance(schedule, str):
        schedule = get(schedule)
    timing = schedule.timing if isinstance(schedule, Schedule) else schedule
    return [*islice(timing.after(after or get_engine().now()), count)]


def clock_changes(timing: Timing, since: datetime | None = None) -> Iterator[ClockChange]:
    """Yield the changes of the clock within a year that leave out or repeat a time of a cron expression."""
    if timing.kind != Kind.CRON:
        return
    expression, start = cron.parse(timing.cron), since or get_engine().now()
    for change in changes(zone_of(timing.timezone), start, start + _A_YEAR):
        if expression.is_touched_by(change):
            yield change


def history(schedule: Schedule, limit: int = 60) -> list[Run]:
    """Return the last times of a schedule, newest first, with what became of their tasks. One query."""
    return histories([schedule], limit)[schedule.pk]


def histories(found: Iterable[Schedule], limit: int = 60) -> dict[int, list[Run]]:
    """Return the same of many schedules by their ids, a query for a hundred of them."""
    runs: dict[int, list[Run]] = {schedule.pk: [] for schedule in found}
    for row in get_engine().last_runs([*runs], limit):
        runs[row.schedule_id].append(_run(row))
    return runs


def late(after: float = _LATE_AFTER, now: datetime | None = None) -> list[tuple[Schedule, float]]:
    """Return the schedules that are overdue by more than `after` seconds, with how much: nobody fires them."""
    now = now or get_engine().now()
    rows = Schedule.objects.using(queue_alias()).order_by("next_due_at")
    overdue = rows.filter(next_due_at__lt=now - timedelta(seconds=after))
    return [(one, (now - one.next_due_at).total_seconds()) for one in overdue if one.next_due_at]


def last_missed(since: datetime) -> list[ScheduleRun]:
    """Return for each schedule the last time, decided on since then, that was missed, newest first.

    It was left out, or looked at later than its grace allows. Three queries.
    """
    rows = ScheduleRun.objects.using(queue_alias()).order_by("-id")
    last = rows.values_list("id", flat=True).first()
    if last is None:
        return []
    newest = rows.filter(id__gt=last - _LOOKED_AT, decided_at__gte=since, is_manual=False)
    late = newest.filter(Q(decision=Decision.MISSED) | Q(decided_at__gt=F("due_at") + _SECOND))
    missed: dict[int, tuple[int, str]] = {}
    columns = ("id", "schedule_id", "decision", "due_at", "decided_at", "schedule__grace")
    for pk, schedule, decision, due, decided, grace in late.values_list(*columns)[:_MOST_MISSED]:
        kept = missed.get(schedule)
        if decision == Decision.MISSED:
            if kept is None or kept[1] != Decision.MISSED:  # it tells of more than a late one
                missed[schedule] = pk, decision
        elif kept is None and (decided - due).total_seconds() > grace:
            missed[schedule] = pk, decision
    if not missed:
        return []
    return list(rows.filter(id__in=[pk for pk, _ in missed.values()]).select_related("schedule"))


def _run(row: PastRun) -> Run:
    started, finished = row.started_at, row.finished_at
    return Run(
        due_at=row.due_at, decision=Decision(row.decision), reason=row.reason, is_manual=row.is_manual,
        late_seconds=max(0.0, (row.decided_at - row.due_at).total_seconds()), task_id=row.task_id, state=row.state,
        wait_seconds=(started - row.due_at).total_seconds() if started else None,
        run_seconds=(finished - started).total_seconds() if started and finished else None,
    )  # fmt: skip
