"""Verbs: what can be done with a task now, and why not where it cannot."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.permissions import Rights
from taskhub.models import Task
from taskhub.states import FINISHED, SOURCES, TaskState, is_legal

RETRYABLE = (
    SOURCES[TaskState.QUEUED] & FINISHED
)  # by a person: what ended otherwise than by success


@dataclass(frozen=True, slots=True)
class Verb:
    """A button; `obstacle` says why it is disabled, or is empty."""

    name: str
    label: str
    icon: str
    obstacle: str = ""
    is_primary: bool = False


def verbs(task: Task, may: Rights) -> list[Verb]:
    """Return a task's buttons, the one that is most likely meant first."""
    retry, cancel = _no_retry(task, may), _no_cancel(task, may)
    return [
        Verb("retry", "Retry", "retrying", retry, is_primary=not retry),
        Verb("cancel", "Cancel", "cancelled", cancel),
    ]


def _no_retry(task: Task, may: Rights) -> str:
    if not may.retry_task:
        return "Your account lacks the permission retry_task"
    state = TaskState(task.state)
    if state in RETRYABLE:
        return ""
    if state == TaskState.SUCCEEDED:
        return "It has succeeded"
    if state == TaskState.RETRYING:
        return "It is tried again by itself"
    return "It is running" if state == TaskState.RUNNING else "It has not run yet"


def _no_cancel(task: Task, may: Rights) -> str:
    if not may.cancel_task:
        return "Your account lacks the permission cancel_task"
    state = TaskState(task.state)
    if not is_legal(state, TaskState.CANCELLED):
        return f"It has already {'been ' if state == TaskState.CANCELLED else ''}{state}"
    if state == TaskState.RUNNING and task.cancel_requested_at:
        return "It has been asked to stop"
    return ""
