"""Resume a queue."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext

from dashboard import audit, reasons
from dashboard.access import actions_only, operators_only
from dashboard.back import back
from dashboard.permissions import Permission
from taskhub import monitor


@operators_only(Permission.PAUSE_QUEUE, methods=actions_only)
def resume(request: HttpRequest, queue: str) -> HttpResponse:
    entry = audit.begin(request.user, "resume", f"queue {queue}", reasons.given(request))
    monitor.resume(queue)
    audit.settle(entry, 1, "resumed")
    messages.success(request, gettext("%(queue)s goes on.") % {"queue": queue})
    return back(request, "dashboard:overview")
