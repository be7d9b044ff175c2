"""Why: what keeps a waiting task from running, each check with its evidence and, where there is one, its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils.translation import gettext, ngettext

from dashboard import words
from dashboard.place import Place, place
from dashboard.strips import takes
from dashboard.words import CAP
from taskhub import monitor
from taskhub.engines import queue_alias
from taskhub.metrics import series
from taskhub.models import Dependency, Met, Need, Outcome, Queue, RateBucket, Slot, Task
from taskhub.monitor import WorkerInfo
from taskhub.queue.buckets import seconds_to_token
from taskhub.queue.quota import queue_key
from taskhub.states import WAITING, TaskState, WaitsFor

_NAMED = 5  # tasks or workers that are told by name
_RECENT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Check:
    """One possible reason. `what` is how the verdict names it where it holds the task; `resume` names a queue."""

    question: str
    answer: str
    is_held: bool = False
    what: str = ""
    look: str = "succeeded"
    icon: str = "ok"
    tasks: list[Task] = field(default_factory=list)
    workers: list[WorkerInfo] = field(default_factory=list)
    resume: str = ""


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
    yield from _dependencies(task)
    yield from _slot(task)
    yield from _rate(task, queue, now)
    able = [info for info in workers if takes(info, task.queue) and task.name in info.worker.tasks]
    yield _capable(task, workers, able)
    if able:
        yield _busy(able)


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
    due = max(task.enqueued_at, task.run_after or task.enqueued_at)
    return Check(
        gettext("Its time has come"), gettext("since %(since)s") % {"since": words.moment(due)}
    )


def _dependencies(task: Task) -> Iterator[Check]:
    needs = Dependency.objects.using(queue_alias()).filter(dependent=task)
    total = needs.order_by().values("pk")[: CAP + 1].count()
    if not total:
        return
    open_ids = (
        needs.filter(state=Met.WAITS).order_by("position").values_list("upstream_id", flat=True)
    )
    waits = list(monitor.tasks().filter(id__in=list(open_ids[:_NAMED])).only("id", "name", "state"))
    if task.unmet:
        need = needs.filter(state=Met.WAITS).values_list("need", flat=True).first()
        answer, what = _unmet(Need(need) if need else Need.END, task.unmet)
        shown = {"n": words.count(task.unmet), "all": words.capped(total)}
        yield Check(
            gettext("It waits for other tasks"), answer % shown, True, what % {"n": words.capped(task.unmet)},
            "pending", "pending", tasks=waits,
        )  # fmt: skip
    else:
        yield Check(
            gettext("What it depends on is done"), _of(words.capped(total), words.capped(total))
        )


def _unmet(need: Need, number: int) -> tuple[str, str]:
    """Return the evidence and the verdict, both with %(n)s left open."""
    match need:
        case Need.SUCCESS:
            return gettext("%(n)s of %(all)s have not succeeded:"), ngettext(
                "%(n)s task before it has not succeeded",
                "%(n)s tasks before it have not succeeded",
                number,
            )
        case Need.FAILURE:
            return gettext("%(n)s of %(all)s have not failed:"), ngettext(
                "%(n)s task before it has not failed",
                "%(n)s tasks before it have not failed",
                number,
            )
    return gettext("%(n)s of %(all)s have not ended:"), ngettext(
        "%(n)s task before it has not ended", "%(n)s tasks before it have not ended", number
    )


def _of(number: object, total: object) -> str:
    return gettext("%(n)s of %(all)s") % {"n": number, "all": total}


def _slot(task: Task) -> Iterator[Check]:
    key = task.concurrency_key
    if key is None:
        return
    slot = Slot.objects.using(queue_alias()).filter(key=key).first()
    in_use = gettext("%(key)s: %(n)s of %(all)s in use")
    used = in_use % {"key": key, "n": slot.used, "all": slot.limit} if slot is not None else key
    if task.waits_for != WaitsFor.SLOT:
        yield Check(gettext("Its concurrency key has room"), used)
        return
    holders = monitor.tasks().filter(
        concurrency_key=key, state__in=[TaskState.QUEUED, TaskState.RUNNING]
    )
    yield Check(
        gettext("Its concurrency key is full"), gettext("%(used)s, held by") % {"used": used}, True,
        gettext("its concurrency key is full"), "retrying", "limit",
        tasks=list(holders.order_by("started_at").only("id", "name", "state")[:_NAMED]),
    )  # fmt: skip


def _rate(task: Task, queue: Queue | None, now: datetime) -> Iterator[Check]:
    for_task = _bucket(task.waits_key) if task.waits_for == WaitsFor.RATE else None
    if task.waits_for == WaitsFor.RATE:
        answer = (
            _tokens(for_task, now)
            if for_task is not None
            else gettext("its bucket is made anew in a moment")
        )
        yield Check(
            gettext("Its rate is used up"), answer, True, gettext("its rate is used up"), "retrying", "limit"
        )  # fmt: skip
    if queue is None or not queue.rate:
        return
    of_queue = _bucket(queue_key(task.queue))
    seconds = seconds_to_token(of_queue, now) if of_queue is not None else 0.0
    if seconds > 0 and of_queue is not None and task.state == TaskState.QUEUED:
        yield Check(
            gettext("The queue's rate is used up"), f"{queue.rate}: {_tokens(of_queue, now)}", True,
            gettext("its queue may start %(rate)s only") % {"rate": queue.rate}, "retrying", "limit",
        )  # fmt: skip
    else:
        at_most = gettext("at most %(rate)s") % {"rate": queue.rate}
        yield Check(gettext("The queue's rate has room"), at_most)


def _bucket(key: str | None) -> RateBucket | None:
    return RateBucket.objects.using(queue_alias()).filter(key=key).first() if key else None


def _tokens(bucket: RateBucket, now: datetime) -> str:
    next_at = words.duration(seconds_to_token(bucket, now))
    said = gettext("%(n)s in %(time)s; the next may start in %(wait)s")
    return said % {"n": bucket.capacity, "time": words.duration(bucket.per), "wait": next_at}


def _capable(task: Task, workers: list[WorkerInfo], able: list[WorkerInfo]) -> Check:
    if able:
        said = (
            gettext("they take %(queue)s and know this task and %(n)s more:")
            if len(able) > _NAMED
            else gettext("they take %(queue)s and know this task:")
        )
        return Check(
            gettext("A worker can run it"),
            said % {"queue": task.queue, "n": len(able) - _NAMED},
            workers=able[:_NAMED],
        )
    alive = [info for info in workers if info.is_healthy]
    taking = [
        info
        for info in alive
        if not info.worker.queue_names or task.queue in info.worker.queue_names
    ]
    knowing = [info for info in taking if task.name in info.worker.tasks]
    shown: list[WorkerInfo] = []
    if not alive:
        answer = gettext("no worker is running: start manage.py runworker")
    elif not taking:
        said = gettext(
            "nobody takes the queue %(queue)s: start manage.py runworker --queue %(queue)s"
        )
        answer = said % {"queue": task.queue}
    elif not knowing:
        answer, shown = gettext("who takes the queue does not have the code of this task:"), taking
    else:
        answer, shown = gettext("who could is quiet, or was told to stop:"), knowing
    return Check(
        gettext("No worker can run it"), answer, True, gettext("no worker can run it"), "failed", "plug",
        workers=shown[:_NAMED],
    )  # fmt: skip


def _busy(able: list[WorkerInfo]) -> Check:
    slots = sum(info.worker.slots for info in able)
    free = max(0, slots - sum(info.active for info in able))
    if free:
        return Check(gettext("A slot is free"), _of(free, slots))
    return Check(
        gettext("Every slot is busy"),
        _of(slots, slots),
        True,
        gettext("every slot of its workers is busy"),
        "running",
        "running",
    )


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
