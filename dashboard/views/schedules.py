"""Schedules: when what is due, and what became of it; enable, disable, run now. They are edited in Django's admin."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext

from dashboard import audit, reasons, timetable
from dashboard.access import actions_only, operators_only
from dashboard.back import back
from dashboard.pages import page
from dashboard.permissions import Permission
from taskhub import schedules as timing
from taskhub.engines import queue_alias
from taskhub.errors import TaskhubError
from taskhub.models import Schedule


@operators_only()
def schedules(request: HttpRequest) -> HttpResponse:
    asked = request.GET.get("page", "")
    is_number = asked.isascii() and asked.isdigit() and len(asked) < 9
    found = timetable.lines(int(asked) if is_number else 1)
    context = {
        "found": found,
        "lines": found.lines,
        "late": [line for line in found.lines if line.late],
        "admin": _admin_url(),
    }
    return page(request, "schedules.html", context, section="schedules")


@operators_only(Permission.CHANGE_SCHEDULE, methods=actions_only)
def enable_schedule(request: HttpRequest, schedule_id: int) -> HttpResponse:
    return _act(request, schedule_id, "enable schedule", timing.enable, gettext("%(name)s is on."))


@operators_only(Permission.CHANGE_SCHEDULE, methods=actions_only)
def disable_schedule(request: HttpRequest, schedule_id: int) -> HttpResponse:
    why = reasons.signed(request)
    said = gettext("%(name)s is off.")
    return _act(
        request, schedule_id, "disable schedule", lambda name: timing.disable(name, why), said
    )


@operators_only(Permission.RUN_SCHEDULE, methods=actions_only)
def run_schedule(request: HttpRequest, schedule_id: int) -> HttpResponse:
    run = timing.run_here_or_elsewhere
    return _act(request, schedule_id, "run schedule", run, gettext("%(name)s runs now."))


def _act(
    request: HttpRequest, pk: int, verb: str, act: Callable[[str], object], said: str
) -> HttpResponse:
    row = Schedule.objects.using(queue_alias()).filter(pk=pk).first()
    if row is None:
        raise Http404(gettext("There is no schedule %(id)s.") % {"id": pk})
    entry = audit.begin(request.user, verb, row.name, reasons.given(request))
    try:
        act(row.name)
    except TaskhubError as error:
        audit.refuse(entry, str(error))
        messages.warning(request, gettext("Not done: %(error)s") % {"error": error})
    else:
        audit.settle(entry, 1)
        messages.success(request, said % {"name": row.name})
    return back(request, "dashboard:schedules")


def _admin_url() -> str:
    """Return where schedules are edited, or "" where the site has no admin."""
    try:
        return reverse("admin:taskhub_schedule_changelist")
    except NoReverseMatch:
        return ""
