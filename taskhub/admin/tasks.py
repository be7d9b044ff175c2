"""Tasks and results: what there is, without its arguments and values; cancel and retry for those who may."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from taskhub import queue
from taskhub.admin.guarding import each, may
from taskhub.admin.looking import ById
from taskhub.models import Result, Task


@admin.register(Task)
class TaskAdmin(ById):
    """Few columns, so that what is masked on the dashboard does not show here."""

    list_display = (
        "id", "name", "queue", "state", "priority", "attempt", "enqueued_at", "started_at", "finished_at",
    )  # fmt: skip
    fields = (
        "name", "queue", "priority", "state", "waits_for", "waits_key", "pool", "attempt", "max_retries", "failures",
        "losses", "interruptions", "run_after", "expires_at", "enqueued_at", "started_at", "finished_at",
        "cancel_requested_at", "reason", "worker_id", "parent_id", "workflow_id",
    )  # fmt: skip
    readonly_fields = ("worker_id", "parent_id", "workflow_id")
    unread = ("args", "kwargs", "options", "inputs")
    actions = ("cancel", "retry")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return may(request, "cancel_task")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return may(request, "retry_task")

    @admin.action(description=gettext_lazy("Cancel the chosen tasks"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Task]) -> None:
        why = f"cancelled by {request.user.get_username()}"
        each(self, request, rows, "cancel", lambda task: queue.cancel(task.pk, why))

    @admin.action(description=gettext_lazy("Retry the chosen tasks"), permissions=["retry"])
    def retry(self, request: HttpRequest, rows: QuerySet[Task]) -> None:
        each(self, request, rows, "retry", lambda task: queue.retry(task.pk))


@admin.register(Result)
class ResultAdmin(ById):
    """One row for each attempt; values and errors are on the dashboard."""

    list_display = (
        "id", "task_id", "attempt", "outcome", "error_class", "worker_name", "started_at", "finished_at",
    )  # fmt: skip
    fields = (
        "task_id", "claim_no", "attempt", "outcome", "error_class", "fingerprint", "worker_name", "started_at",
        "finished_at",
    )  # fmt: skip
    readonly_fields = ("task_id",)
    unread = ("value", "message", "traceback")
