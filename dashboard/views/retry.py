"""Retry one task."""

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
from taskhub.errors import DuplicateTask, IllegalTransition, UnknownStep


@operators_only(Permission.RETRY_TASK, methods=actions_only)
def retry(request: HttpRequest, task_id: int) -> HttpResponse:
    task = one_task(task_id)
    require(request, Permission.RETRY_TASK, task.queue)
    step = request.POST.get("from_step", "")
    what = f"task {task_id}: {task.name}" + (f", from the step {step}" if step else "")
    entry = audit.begin(request.user, "retry", what, reasons.given(request))
    try:
        monitor.retry(task_id, from_step=step or None)
    except IllegalTransition:
        now = one_task(task_id).state
        audit.refuse(entry, f"it was {now}")
        said = gettext("Not retried: task %(id)s is %(state)s.")
        messages.warning(request, said % {"id": task_id, "state": words.state(now)})
    except (DuplicateTask, UnknownStep) as error:
        audit.refuse(entry, str(error))
        messages.warning(request, gettext("Not retried: %(error)s") % {"error": error})
    else:
        audit.settle(entry, 1, "queued again")
        said = (
            gettext("Task %(id)s is queued again, done from the step %(step)s on.")
            if step
            else gettext("Task %(id)s is queued again, with all its retries.")
        )
        messages.success(request, said % {"id": task_id, "step": step})
    return redirect("dashboard:task", task_id)
