"""Purge a queue: first the exact count of what waits in it, then the deed, with a reason."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from dashboard import audit, purging, reasons, words
from dashboard.access import actions_only, operators_only
from dashboard.pages import page
from dashboard.permissions import Permission
from taskhub import monitor


@operators_only(Permission.PURGE_QUEUE)
def confirm_purge(request: HttpRequest, queue: str) -> HttpResponse:
    return page(request, "purge.html", {"preview": purging.preview(queue)}, section="overview")


@operators_only(Permission.PURGE_QUEUE, methods=actions_only)
def purge(request: HttpRequest, queue: str) -> HttpResponse:
    reason = reasons.given(request)
    if not reason:
        messages.error(request, "Nothing was purged: say why, the audit log keeps it.")
        return redirect("dashboard:confirm_purge", queue)
    entry = audit.begin(request.user, "purge", f"queue {queue}", reason)
    number = monitor.purge(queue, reasons.signed(request))
    audit.settle(entry, number)
    messages.success(
        request, f"Purged {queue}: {_tasks(number)} cancelled.{_difference(request, number)}"
    )
    return redirect("dashboard:overview")


def _difference(request: HttpRequest, number: int) -> str:
    """Say so where the queue moved between the preview and the deed."""
    counted = request.POST.get("counted", "")
    if counted == str(number) or not (
        counted.isascii() and counted.isdigit() and len(counted) < 10
    ):
        return ""
    return f" The preview had counted {words.count(int(counted))}; the queue has moved since."


def _tasks(number: int) -> str:
    return f"{words.count(number)} waiting {'task' if number == 1 else 'tasks'}"
