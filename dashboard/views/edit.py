"""Edit: retry a task with other arguments. It is the right to run anything, so it is a permission of its own."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext

from dashboard import audit, editing, reasons
from dashboard.access import Refused, actions_only, operators_only, require
from dashboard.pages import page
from dashboard.permissions import Permission, has, missing
from dashboard.reading import catalog, one_task
from dashboard.verbs import RETRYABLE
from taskhub import monitor
from taskhub.errors import DuplicateTask, IllegalTransition, InvalidArguments
from taskhub.models import Task


@operators_only(Permission.EDIT_ARGUMENTS)
def edit(request: HttpRequest, task_id: int) -> HttpResponse:
    task = _editable(request, task_id)
    return _form(request, task, editing.fields(task, catalog([task.name]).get(task.name)))


@operators_only(Permission.EDIT_ARGUMENTS, methods=actions_only)
def retry_edited(request: HttpRequest, task_id: int) -> HttpResponse:
    task = _editable(request, task_id)
    found = editing.fields(task, catalog([task.name]).get(task.name))
    args, kwargs = editing.read(task, found, request.POST.dict())
    if any(field.problem for field in found):
        return _form(request, task, found, status=400)
    names = ", ".join(editing.changes(task, found, args, kwargs))
    entry = audit.begin(
        request.user,
        "retry",
        f"task {task_id}: {task.name}, with other {names or 'nothing'}",
        reasons.given(request),
    )
    try:
        monitor.retry_with(task_id, args, kwargs)
    except (
        InvalidArguments
    ) as error:  # what can be mended in the form, such as a payload that is too large
        audit.refuse(entry, str(error))
        return _form(request, task, found, status=400, problem=str(error))
    except (IllegalTransition, DuplicateTask) as error:
        audit.refuse(entry, str(error))
        messages.warning(request, gettext("Not retried: %(error)s") % {"error": error})
    else:
        audit.settle(entry, 1, "queued again")
        said = gettext("Task %(id)s is queued again. Changed: %(names)s.")
        messages.success(request, said % {"id": task_id, "names": names or gettext("nothing")})
    return redirect("dashboard:task", task_id)


def _editable(request: HttpRequest, task_id: int) -> Task:
    """Return a task whose arguments this person may see and change."""
    task = one_task(task_id)
    for permission in (Permission.EDIT_ARGUMENTS, Permission.RETRY_TASK):
        require(request, permission, task.queue)
    if not has(request.user, Permission.VIEW_PAYLOADS):
        raise Refused(missing(Permission.VIEW_PAYLOADS))
    return task


def _form(
    request: HttpRequest,
    task: Task,
    found: list[editing.Field],
    *,
    status: int = 200,
    problem: str = "",
) -> HttpResponse:
    context = {
        "task": task,
        "fields": found,
        "is_retryable": task.state in RETRYABLE,
        "problem": problem,
        "reason": reasons.given(request),
    }
    return page(request, "edit.html", context, status=status, section="tasks")
