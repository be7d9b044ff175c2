"""Audit log: who did what, to how many, why, with what result; newest first."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dashboard.access import operators_only
from dashboard.actions import ACTIONS
from dashboard.pages import page
from dashboard.permissions import Permission
from taskhub.engines import queue_alias
from taskhub.models import AuditEntry
from taskhub.text import is_storable

SIZE = 50


@operators_only(Permission.VIEW_AUDIT)
def audit_log(request: HttpRequest) -> HttpResponse:
    action, who = request.GET.get("action", ""), request.GET.get("who", "").strip()
    before = request.GET.get("before", "")
    entries = AuditEntry.objects.using(queue_alias()).order_by("-id")
    if action:
        entries = entries.filter(action=action) if is_storable(action) else entries.none()
    if who:
        entries = entries.filter(user_name=who) if is_storable(who) else entries.none()
    if before.isascii() and before.isdigit() and len(before) < 19:
        entries = entries.filter(id__lt=int(before))
    found = list(entries[: SIZE + 1])
    context = {
        "now": timezone.now(),
        "entries": found[:SIZE],
        "older": found[SIZE - 1].pk if len(found) > SIZE else None,
        "action": action,
        "who": who,
        "actions": list(dict.fromkeys([*ACTIONS, *([action] if action else [])])),
        "is_first": not before,
    }
    return page(request, "audit.html", context, section="audit")
