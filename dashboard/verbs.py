"""Verbs: what can be done with a task now, and why not where it cannot."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext

from dashboard.permissions import Permission, Rights, missing
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
    key: str = ""
    is_link: bool = False  # to a page that asks first


def verbs(task: Task, may: Rights) -> list[Verb]:
    """Return a task's buttons, the one that is most likely meant first."""
    retry, cancel = _no_retry(task, may), _no_cancel(task, may)
    return [
        Verb("retry", gettext("Retry"), "retrying", retry, is_primary=not retry, key="r"),
        *(
            [Verb("edit", gettext("Edit and retry…"), "edit", is_link=True)]
            if not retry and may.edit_arguments and may.view_payloads
            else []
        ),
        Verb("cancel", gettext("Cancel"), "cancelled", cancel, key="c"),
    ]


def _no_retry(task: Task, may: Rights) -> str:
    if not may.retry_task:
        return missing(Permission.RETRY_TASK)
    state = TaskState(task.state)
    if state in RETRYABLE:
        return ""
    if state == TaskState.SUCCEEDED:
        return gettext("It has succeeded")
    if state == TaskState.RETRYING:
        return gettext("It is tried again by itself")
    if state == TaskState.RUNNING:
        return gettext("It is running")
    return gettext("It has not run yet")


def _no_cancel(task: Task, may: Rights) -> str:
    if not may.cancel_task:
        return missing(Permission.CANCEL_TASK)
    state = TaskState(task.state)
    if not is_legal(state, TaskState.CANCELLED):
        return _ended(state)
    if state == TaskState.RUNNING and task.cancel_requested_at:
        return gettext("It has been asked to stop")
    return ""


def _ended(state: TaskState) -> str:
    match state:
        case TaskState.SUCCEEDED:
            return gettext("It has already succeeded")
        case TaskState.FAILED:
            return gettext("It has already failed")
        case TaskState.CANCELLED:
            return gettext("It has already been cancelled")
    return gettext("It has already expired")
