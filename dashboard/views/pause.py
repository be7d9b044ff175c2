"""Pause a queue."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext

from dashboard import audit, reasons, words
from dashboard.access import actions_only, operators_only
from dashboard.back import back
from dashboard.permissions import Permission
from taskhub import monitor

_MINUTES = ("15", "60", "240", "1440")


@operators_only(Permission.PAUSE_QUEUE, methods=actions_only)
def pause(request: HttpRequest, queue: str) -> HttpResponse:
    minutes = request.POST.get("minutes", "")
    until = timezone.now() + timedelta(minutes=int(minutes)) if minutes in _MINUTES else None
    entry = audit.begin(request.user, "pause", f"queue {queue}", reasons.given(request))
    monitor.pause(queue, reasons.signed(request), until=until)
    audit.settle(entry, 1, f"paused until {until:%a %d %b %Y %H:%M:%S UTC}" if until else "paused")
    messages.success(request, _said(queue, until))
    return back(request, "dashboard:overview")


def spans() -> dict[str, str]:
    """Return for how long a queue may be paused, in minutes, with the words for it."""
    said = (gettext("15 min"), gettext("1 hour"), gettext("4 hours"), gettext("1 day"))
    return dict(zip(_MINUTES, said, strict=True))


def _said(queue: str, until: datetime | None) -> str:
    if until is None:
        return gettext("%(queue)s is paused. What runs goes on; nothing new starts.") % {
            "queue": queue
        }
    said = gettext("%(queue)s is paused until %(when)s UTC. What runs goes on; nothing new starts.")
    return said % {"queue": queue, "when": words.minute(until)}
