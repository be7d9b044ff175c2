"""Why: what keeps a waiting task from running, each check with its evidence and, where there is one, its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext

from dashboard import words
from dashboard.place import Place, place
from dashboard.strips import takes
from dashboard.why.check import Check
from dashboard.why.dependencies import dependencies
from dashboard.why.limits import rate, slot
from dashboard.why.workers import busy, capable
from taskhub import monitor
from taskhub.engines import queue_alias
from taskhub.metrics import series
from taskhub.models import Outcome, Queue, Task
from taskhub.monitor import WorkerInfo
from taskhub.states import WAITING, TaskState, WaitsFor

_RECENT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Why:
    """The answer: a number of things that hold it, the checks with those first, and its place in the queue."""

    holders: list[Check]
    others: list[Check]
    place: Place | None
    estimate: str
    checked_at: datetime

    @property
    def lead(self) -> str:
        match len(self.holders):
            case 0:
                return gettext("Nothing holds it")
            case 1:
                return gettext("One thing holds it")
            case 2:
                return gettext("Two things hold it")
            case number:
                return gettext("%(n)s things hold it") % {"n": number}


def why(task: Task, now: datetime) -> Why | None:
    """Ask everything of a task that waits; None for one that runs or has ended. A dozen queries."""
    if task.state not in WAITING:
        return None
    workers = monitor.workers()
    checks = list(_checks(task, now, workers))
    where = place(task) if task.state == TaskState.QUEUED else None
    holders = [check for check in checks if check.is_held]
    estimate = _estimate(task, where, now) if where is not None and not holders else ""
    return Why(holders, [check for check in checks if not check.is_held], where, estimate, now)


def _checks(task: Task, now: datetime, workers: list[WorkerInfo]) -> Iterator[Check]:
    queue = Queue.objects.using(queue_alias()).filter(name=task.queue).first()
    yield _paused(task, queue)
    yield _time(task, now)
    yield from dependencies(task)
    yield from slot(task)
    yield from rate(task, queue, now)
    able = [info for info in workers if takes(info, task.queue) and task.name in info.worker.tasks]
    yield capable(task, workers, able)
    if able:
        yield busy(able)


def _paused(task: Task, queue: Queue | None) -> Check:
    if queue is None or not queue.is_paused:
        return Check(gettext("The queue is not paused"), task.queue)
    until = {"until": words.minute(queue.paused_until)} if queue.paused_until else {}
    reason = f": {queue.pause_reason}" if queue.pause_reason else ""
    what = (
        gettext("the queue is paused until %(until)s") if until else gettext("the queue is paused")
    )
    return Check(
        gettext("The queue is paused"), _pause_span(queue, until) + reason, True, what % until, "paused", "paused",
        resume=task.queue,
    )  # fmt: skip


def _pause_span(queue: Queue, until: dict[str, str]) -> str:
    if queue.paused_at is None:
        return gettext("until %(until)s") % until if until else ""
    said = gettext("since %(since)s until %(until)s") if until else gettext("since %(since)s")
    return said % {"since": words.minute(queue.paused_at), **until}


def _time(task: Task, now: datetime) -> Check:
    if task.waits_for == WaitsFor.TIME and task.run_after is not None:
        left = (task.run_after - now).total_seconds()
        is_retry = task.state == TaskState.RETRYING
        soon = gettext("now; a worker queues it in a moment")
        when = gettext("in %(time)s") % {"time": words.duration(left)} if left > 0 else soon
        answer = f"{words.moment(task.run_after)}, {when}"
        if is_retry:
            answer = f"{answer}, " + gettext("after a failed attempt")
            what = gettext("its next attempt is not due yet")
        else:
            what = gettext("its time has not come")
        return Check(
            gettext("Its time has not come"),
            answer,
            True,
            what,
            "retrying" if is_retry else "pending",
            "pending",
        )
    since = {"since": words.moment(task.ready_at)}
    return Check(gettext("Its time has come"), gettext("since %(since)s") % since)


def _estimate(task: Task, where: Place, now: datetime) -> str:
    """Say when it may start at the rate of the last minutes."""
    points = series(now - _RECENT, now, queue=task.queue)
    ended = sum(
        point.counts.get(o, 0) for point in points for o in (Outcome.SUCCEEDED, Outcome.FAILED)
    )
    if not ended:
        return ""
    seconds = where.ahead * _RECENT.total_seconds() / ended
    said = gettext("At the rate of the last minutes it starts in about %(time)s.")
    return said % {"time": words.duration(max(seconds, 1))}
