"""Records: workers, queues, the catalog and the audit log."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from taskhub import queue
from taskhub.admin.guarding import each, may
from taskhub.admin.looking import ReadOnly
from taskhub.models import AuditEntry, Queue, TaskCatalog, Worker


@admin.register(Worker)
class WorkerAdmin(ReadOnly):
    list_display = (
        "name", "kind", "host", "pid", "busy", "slots", "processed", "failed", "started_at", "heartbeat_at",
        "stopped_at", "is_lost",
    )  # fmt: skip


@admin.register(Queue)
class QueueAdmin(ReadOnly):
    list_display = ("name", "is_paused", "paused_at", "pause_reason", "max_size", "rate")
    actions = ("pause", "resume")

    def has_pause_permission(self, request: HttpRequest) -> bool:
        return may(request, "pause_queue")

    @admin.action(description=gettext_lazy("Pause the chosen queues"), permissions=["pause"])
    def pause(self, request: HttpRequest, rows: QuerySet[Queue]) -> None:
        why = f"paused by {request.user.get_username()}"
        each(self, request, rows, "pause", lambda row: queue.pause(row.name, why))

    @admin.action(description=gettext_lazy("Resume the chosen queues"), permissions=["pause"])
    def resume(self, request: HttpRequest, rows: QuerySet[Queue]) -> None:
        each(self, request, rows, "resume", lambda row: queue.resume(row.name))


@admin.register(TaskCatalog)
class TaskCatalogAdmin(ReadOnly):
    list_display = ("name", "queue", "module_path", "is_schedulable", "updated_at")
    ordering = ("name",)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly):
    """Without payloads, as all pages here: the dashboard shows them to those who may see them."""

    list_display = ("at", "user_name", "action", "what", "count", "reason")
    fields = ("at", "user_id", "user_name", "action", "what", "count", "reason", "result")
    readonly_fields = ("what",)

    @admin.display(description=gettext_lazy("target"))
    def what(self, obj: AuditEntry) -> str:
        return obj.open_target
