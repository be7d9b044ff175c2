"""Task: all that is known of one."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dashboard import payloads, tracebacks
from dashboard.access import operators_only
from dashboard.attempts import SHOWN, timeline
from dashboard.journey import journey
from dashboard.pages import page
from dashboard.permissions import Permission, Rights, has
from dashboard.reading import catalog, one_task
from dashboard.verbs import verbs
from taskhub.engines import queue_alias
from taskhub.models import Outcome, Queue, Result, Task
from taskhub.states import TaskState


@operators_only()
def task(request: HttpRequest, task_id: int) -> HttpResponse:
    row, now = one_task(task_id), timezone.now()
    results = list(
        _results(row).defer("value", "traceback", "message").order_by("-claim_no")[: SHOWN + 1]
    )
    shown = results[:SHOWN][::-1]
    context: dict[str, Any] = {
        "now": now,
        "task": row,
        "tags": [tag.name for tag in row.tags.using(queue_alias()).all()],
        "journey": journey(row, shown, now),
        "timeline": timeline(row, shown, now),
        "has_older_attempts": len(results) > SHOWN,
        "failures_shown": [result for result in reversed(shown) if result.error_class],
        "error": _error(row, request.GET.get("attempt", "")),
        "verbs": verbs(row, Rights.of(request.user)),
        "paused": _paused(row),
        "progress": getattr(row, "progress", None),
    }
    if has(request.user, Permission.VIEW_PAYLOADS):
        context |= _payloads(row, context["error"])
    return page(request, "task.html", context, section="tasks")


def _results(task: Task) -> QuerySet[Result]:
    return Result.objects.using(queue_alias()).filter(task=task)


def _payloads(task: Task, error: Result | None) -> dict[str, Any]:
    """Return what only those with `view_payloads` see."""
    entry = catalog([task.name]).get(task.name)
    context: dict[str, Any] = {
        "arguments": payloads.arguments(task, entry),
        "is_masked": bool(payloads.masked_names(task, entry)),
        "traceback": tracebacks.lines(error.traceback) if error else [],
    }
    if task.state == TaskState.SUCCEEDED:
        done = _results(task).filter(outcome=Outcome.SUCCEEDED).order_by("-claim_no").first()
        context["result"] = payloads.result_text(done.value) if done else ""
    return context


def _error(task: Task, claim_no: str) -> Result | None:
    """Return the attempt whose error is shown: the one asked for, else the last that has one."""
    failed = _results(task).exclude(error_class="").order_by("-claim_no")
    if claim_no.isascii() and claim_no.isdigit() and len(claim_no) < 10:
        failed = failed.filter(claim_no=int(claim_no))
    return failed.defer("value").first()


def _paused(task: Task) -> Queue | None:
    """Return the queue that holds a waiting task back because somebody paused it."""
    if task.state != TaskState.QUEUED:
        return None
    return Queue.objects.using(queue_alias()).filter(name=task.queue, is_paused=True).first()
