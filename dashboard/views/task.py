"""Task: all that is known of one."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dashboard import payloads, python, tracebacks
from dashboard.access import operators_only
from dashboard.attempts import SHOWN, timeline
from dashboard.family import family
from dashboard.graph import graph
from dashboard.journey import journey
from dashboard.loglines import log
from dashboard.pages import page
from dashboard.permissions import Permission, Rights, has
from dashboard.reading import catalog, one_task
from dashboard.running import estimate
from dashboard.verbs import RETRYABLE, verbs
from dashboard.why import why
from dashboard.words import between
from taskhub.engines import queue_alias
from taskhub.errors import ResultEvicted, ResultUnavailable
from taskhub.models import Checkpoint, Outcome, Result, Task, WorkflowRun
from taskhub.queue.kept_values import get_values
from taskhub.states import TaskState

_STEPS = 200


@operators_only()
def task(request: HttpRequest, task_id: int) -> HttpResponse:
    row, now = one_task(task_id), timezone.now()
    results = list(
        _results(row).defer("value", "traceback", "message").order_by("-claim_no")[: SHOWN + 1]
    )
    shown = results[:SHOWN][::-1]
    progress = getattr(row, "progress", None)
    context: dict[str, Any] = {
        "now": now,
        "task": row,
        "tags": [tag.name for tag in row.tags.using(queue_alias()).all()],
        "journey": journey(row, shown, now, has_needs=_has_needs(row)),
        "timeline": timeline(row, shown, now),
        "has_older_attempts": len(results) > SHOWN,
        "error": _error(row, request.GET.get("attempt", "")),
        "verbs": verbs(row, Rights.of(request.user)),
        "why": why(row, now),
        "progress": progress,
        "estimate": estimate(progress.fraction, between(row.started_at, now))
        if progress is not None and row.state == TaskState.RUNNING and row.started_at
        else "",
        "family": family(row),
        "graph": graph(row, _run(row)),
        "steps": list(row.steps.all()[:_STEPS]),
        "can_retry": row.state in RETRYABLE and has(request.user, Permission.RETRY_TASK, row.queue),
    }
    if has(request.user, Permission.VIEW_PAYLOADS):
        context |= _payloads(row, context["error"])
    return page(request, "task.html", context, section="tasks")


def _has_needs(task: Task) -> bool:
    return bool(task.workflow_id) and task.needs.using(queue_alias()).exists()


def _results(task: Task) -> QuerySet[Result]:
    return Result.objects.using(queue_alias()).filter(task=task)


def _run(task: Task) -> WorkflowRun | None:
    return (
        WorkflowRun.objects.using(queue_alias()).filter(pk=task.workflow_id).first()
        if task.workflow_id
        else None
    )


def _payloads(task: Task, error: Result | None) -> dict[str, Any]:
    """Return what only those with `view_payloads` see."""
    entry = catalog([task.name]).get(task.name)
    context: dict[str, Any] = {
        "arguments": payloads.arguments(task, entry),
        "python": python.call(task, entry),
        "is_masked": bool(payloads.masked_names(task, entry)),
        "traceback": tracebacks.frames(error.traceback) if error else None,
        "log": log(task),
        "step_values": {
            step.pk: payloads.result_text(step.value) for step in task.steps.all()[:_STEPS]
        },
    }
    checkpoint = Checkpoint.objects.using(queue_alias()).filter(task=task).first()
    if checkpoint is not None:
        context["checkpoint"], context["checkpoint_text"] = (
            checkpoint,
            payloads.result_text(checkpoint.value),
        )
    if task.state == TaskState.SUCCEEDED:
        done = _results(task).filter(outcome=Outcome.SUCCEEDED).order_by("-claim_no").first()
        context["result"] = _value_text(done) if done else ""
    return context


def _value_text(done: Result) -> str:
    try:
        return payloads.result_text(
            get_values([(done.task_id, done.claim_no, done.value)])[done.task_id]
        )
    except (ResultEvicted, ResultUnavailable) as error:
        return str(error)


def _error(task: Task, claim_no: str) -> Result | None:
    """Return the attempt whose error is shown: the one asked for, else the last that has one."""
    failed = _results(task).exclude(error_class="").order_by("-claim_no")
    if claim_no.isascii() and claim_no.isdigit() and len(claim_no) < 10:
        failed = failed.filter(claim_no=int(claim_no))
    return failed.defer("value").first()
