"""Journey: the states that a task has passed, stands in, and may reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext, ngettext

from dashboard import words
from taskhub.models import Result, Task
from taskhub.states import TaskState, Tie, WaitsFor

_ENDS = (TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED, TaskState.EXPIRED)


@dataclass(frozen=True, slots=True)
class Step:
    """One state on the way; `stage` is `is-done`, `is-now`, `is-end` or "" for one that is still ahead."""

    state: str
    stage: str
    at: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Journey:
    """Four steps, the ends not taken, and what the retries were."""

    steps: list[Step]
    others: list[str]
    loop: str = ""


def journey(
    task: Task, results: Sequence[Result], now: datetime, *, has_needs: bool = False
) -> Journey:
    """Tell the way of a task from its row and its results, oldest first, and whether it waits, or did, for others."""
    state = TaskState(task.state)
    end = state if state.is_finished else TaskState.SUCCEEDED
    first = results[0].started_at if results else task.started_at
    steps = [
        _pending(task, state, first, has_needs=has_needs),
        _queued(task, state, first, now, has_needs=has_needs),
        _running(task, state, results, first),
        Step(end, "is-end", task.finished_at, _ending(task, state))
        if state.is_finished
        else Step(end, ""),
    ]
    return Journey(
        steps, [other for other in _ENDS if other != end], _loop(task, state, results, now)
    )


def first_ready_at(task: Task, first: datetime | None) -> datetime:
    """Return when its first attempt might have started; after that the row tells when a later one might."""
    return task.ready_at if first is None or task.ready_at <= first else task.enqueued_at


def _pending(task: Task, state: TaskState, first: datetime | None, *, has_needs: bool) -> Step:
    if state != TaskState.PENDING:
        if has_needs:
            note = gettext("until others had ended")
        elif first_ready_at(task, first) == task.enqueued_at:
            note = gettext("passed at once")
        elif task.ties & int(Tie.SLOT | Tie.RATE):
            note = gettext("until a limit let it pass")
        else:
            note = gettext("until its time")
        return Step("pending", "is-done", task.enqueued_at, note)
    if task.waits_for == WaitsFor.TASKS:
        said = ngettext("for %(n)s other task", "for %(n)s other tasks", task.unmet)
        note = said % {"n": words.capped(task.unmet)}
    elif task.waits_for == WaitsFor.TIME:
        note = gettext("until its time")
    elif task.waits_for == WaitsFor.RATE:
        note = gettext("until its rate allows it")
    else:
        note = gettext("until a slot is free")
    return Step("pending", "is-now", task.enqueued_at, note)


def _queued(
    task: Task, state: TaskState, first: datetime | None, now: datetime, *, has_needs: bool
) -> Step:
    if state == TaskState.QUEUED:
        since = task.ready_at
        waiting = gettext("waiting %(time)s")
        return Step("queued", "is-now", since, waiting % {"time": _span(since, now)})
    if first is None:
        return Step("queued", "is-done" if state.is_finished else "")
    due = first_ready_at(task, first)
    if has_needs and due == task.enqueued_at:  # it has been retried since: nobody knows
        return Step("queued", "is-done")
    return Step("queued", "is-done", due, gettext("waited %(time)s") % {"time": _span(due, first)})


def _running(
    task: Task, state: TaskState, results: Sequence[Result], first: datetime | None
) -> Step:
    if state == TaskState.RUNNING:
        return Step(
            "running",
            "is-now",
            task.started_at,
            gettext("attempt %(n)s of %(all)s") % {"n": task.attempt, "all": task.max_retries + 1},
        )
    if first is None:
        return Step("running", "")
    stage = "" if state in (TaskState.PENDING, TaskState.QUEUED) and not results else "is-done"
    longest = max((words.between(r.started_at, r.finished_at) for r in results), default=0.0)
    said = (
        gettext("%(n)s attempts, up to %(time)s") if len(results) > 1 else gettext("for %(time)s")
    )
    note = said % {"n": words.capped(len(results)), "time": words.duration(longest)}
    return Step("running", stage, first, note if results else "")


def _ending(task: Task, state: TaskState) -> str:
    match state:
        case TaskState.FAILED:
            return (
                gettext("no retries left")
                if task.failures > task.max_retries
                else gettext("for good")
            )
        case TaskState.SUCCEEDED if task.cancel_requested_at:
            return gettext("the cancel came too late")
        case TaskState.EXPIRED:
            return gettext("not started in time")
    return ""


def _loop(task: Task, state: TaskState, results: Sequence[Result], now: datetime) -> str:
    retries = sum(result.outcome == "retrying" for result in results)
    if not retries:
        return ""
    if state == TaskState.RETRYING and task.run_after:
        left = (task.run_after - now).total_seconds()
        in_time, now_due = gettext("again in %(time)s"), gettext("again now")
        due = in_time % {"time": words.duration(left)} if left > 0 else now_due
        said = ngettext("%(n)s failed attempt, %(due)s", "%(n)s failed attempts, %(due)s", retries)
        return said % {"n": words.capped(retries), "due": due}
    if retries == 1:
        return gettext("retried once")
    return (
        gettext("retried twice")
        if retries == 2
        else gettext("retried %(n)s times") % {"n": retries}
    )


def _span(start: datetime, end: datetime) -> str:
    return words.duration(words.between(start, end))
