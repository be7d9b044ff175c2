"""Cancel one task."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext

from dashboard import audit, reasons, words
from dashboard.access import actions_only, operators_only, require
from dashboard.permissions import Permission
from dashboard.reading import one_task
from taskhub import monitor
from taskhub.errors import IllegalTransition
from taskhub.states import TaskState


@operators_only(Permission.CANCEL_TASK, methods=actions_only)
def cancel(request: HttpRequest, task_id: int) -> HttpResponse:
    task = one_task(task_id)
    require(request, Permission.CANCEL_TASK, task.queue)
    was_asked = task.state == TaskState.RUNNING and task.cancel_requested_at is not None
    entry = audit.begin(
        request.user, "cancel", f"task {task_id}: {task.name}", reasons.given(request)
    )
    try:
        state = monitor.cancel(task_id, reasons.signed(request))
    except IllegalTransition:
        now = one_task(task_id).state
        audit.refuse(entry, f"it was {now}")
        said = gettext("Not cancelled: task %(id)s had ended already. It is %(state)s.")
        messages.warning(request, said % {"id": task_id, "state": words.state(now)})
    else:
        audit.settle(
            entry,
            0 if was_asked else 1,
            "asked to stop" if state == TaskState.RUNNING else "cancelled",
        )
        messages.success(request, _said(task_id, state, was_asked))
    return redirect("dashboard:task", task_id)


def _said(task_id: int, state: TaskState, was_asked: bool) -> str:
    if state == TaskState.CANCELLED:
        return gettext("Task %(id)s is cancelled.") % {"id": task_id}
    if was_asked:
        return gettext("Task %(id)s runs and had been asked to stop already.") % {"id": task_id}
    return gettext("Task %(id)s runs and was asked to stop.") % {"id": task_id}
