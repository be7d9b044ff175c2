"""Retry one task."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from dashboard import audit, reasons
from dashboard.access import actions_only, operators_only
from dashboard.permissions import Permission
from dashboard.reading import one_task
from taskhub import monitor
from taskhub.errors import DuplicateTask, IllegalTransition


@operators_only(Permission.RETRY_TASK, methods=actions_only)
def retry(request: HttpRequest, task_id: int) -> HttpResponse:
    task = one_task(task_id)
    entry = audit.begin(
        request.user, "retry", f"task {task_id}: {task.name}", reasons.given(request)
    )
    try:
        monitor.retry(task_id)
    except IllegalTransition:
        now = one_task(task_id).state
        messages.warning(request, f"Not retried: task {task_id} is {now}.")
    except DuplicateTask as error:
        messages.warning(request, f"Not retried: {error}")
    else:
        audit.settle(entry, 1)
        messages.success(request, f"Task {task_id} is queued again, with all its retries.")
    return redirect("dashboard:task", task_id)
