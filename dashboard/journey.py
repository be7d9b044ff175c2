"""Journey: the states that a task has passed, stands in, and may reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard import words
from taskhub.models import Result, Task
from taskhub.states import TaskState, WaitsFor

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


def journey(task: Task, results: Sequence[Result], now: datetime) -> Journey:
    """Tell the way of a task from its row and its results, oldest first."""
    state = TaskState(task.state)
    end = state if state.is_finished else TaskState.SUCCEEDED
    first = results[0].started_at if results else task.started_at
    steps = [
        _pending(task, state),
        _queued(task, state, first, now),
        _running(task, state, results, first),
        Step(end, "is-end", task.finished_at, _ending(task, state))
        if state.is_finished
        else Step(end, ""),
    ]
    return Journey(
        steps, [other for other in _ENDS if other != end], _loop(task, state, results, now)
    )


def _pending(task: Task, state: TaskState) -> Step:
    if state != TaskState.PENDING:
        delayed = (
            task.run_after is not None and task.run_after > task.enqueued_at and not task.failures
        )
        note = "until its time" if delayed else "passed at once"
        return Step("pending", "is-done", task.enqueued_at, note)
    if task.waits_for == WaitsFor.TASKS:
        note = f"for {words.plural(task.unmet, 'other task')}"
    else:
        note = "until its time" if task.waits_for == WaitsFor.TIME else "until a slot is free"
    return Step("pending", "is-now", task.enqueued_at, note)


def _queued(task: Task, state: TaskState, first: datetime | None, now: datetime) -> Step:
    due = (
        max(task.enqueued_at, task.run_after or task.enqueued_at)
        if not task.failures
        else task.enqueued_at
    )
    if state == TaskState.QUEUED:
        return Step("queued", "is-now", due, f"waiting {words.duration(words.between(due, now))}")
    if first is None:
        return Step("queued", "is-done" if state.is_finished else "")
    return Step("queued", "is-done", due, f"waited {words.duration(words.between(due, first))}")


def _running(
    task: Task, state: TaskState, results: Sequence[Result], first: datetime | None
) -> Step:
    if state == TaskState.RUNNING:
        return Step(
            "running",
            "is-now",
            task.started_at,
            f"attempt {task.attempt} of {task.max_retries + 1}",
        )
    if first is None:
        return Step("running", "")
    stage = "" if state in (TaskState.PENDING, TaskState.QUEUED) and not results else "is-done"
    longest = max((words.between(r.started_at, r.finished_at) for r in results), default=0.0)
    tries = words.plural(len(results), "attempt")
    note = (
        f"{tries}, up to {words.duration(longest)}"
        if len(results) > 1
        else f"for {words.duration(longest)}"
    )
    return Step("running", stage, first, note if results else "")


def _ending(task: Task, state: TaskState) -> str:
    match state:
        case TaskState.FAILED:
            return "no retries left" if task.failures > task.max_retries else "for good"
        case TaskState.SUCCEEDED if task.cancel_requested_at:
            return "the cancel came too late"
        case TaskState.EXPIRED:
            return "not started in time"
    return ""


def _loop(task: Task, state: TaskState, results: Sequence[Result], now: datetime) -> str:
    retries = sum(result.outcome == "retrying" for result in results)
    if not retries:
        return ""
    if state == TaskState.RETRYING and task.run_after:
        left = (task.run_after - now).total_seconds()
        due = f"again in {words.duration(left)}" if left > 0 else "again now"
        return f"{words.plural(retries, 'failed attempt')}, {due}"
    times = {1: "once", 2: "twice"}.get(retries, f"{retries} times")
    return f"retried {times}"
