"""Resume a queue."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from dashboard import audit, reasons
from dashboard.access import actions_only, operators_only
from dashboard.permissions import Permission
from taskhub import monitor


@operators_only(Permission.PAUSE_QUEUE, methods=actions_only)
def resume(request: HttpRequest, queue: str) -> HttpResponse:
    entry = audit.begin(request.user, "resume", f"queue {queue}", reasons.given(request))
    monitor.resume(queue)
    audit.settle(entry, 1)
    messages.success(request, f"{queue} goes on.")
    return redirect("dashboard:overview")
