"""Django's admin for the small tables, to look at. Tasks are on the dashboard, which masks what must not be shown."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from taskhub.models import AuditEntry, Queue, TaskCatalog, Worker


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Nothing here is changed by hand: state has one writer. Lists never count a whole table."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Worker)
class WorkerAdmin(ReadOnly):
    list_display = (
        "name",
        "kind",
        "host",
        "pid",
        "started_at",
        "heartbeat_at",
        "stopped_at",
        "is_lost",
    )


@admin.register(Queue)
class QueueAdmin(ReadOnly):
    list_display = ("name", "is_paused", "paused_at", "pause_reason")


@admin.register(TaskCatalog)
class TaskCatalogAdmin(ReadOnly):
    list_display = ("name", "queue", "module_path", "is_schedulable", "updated_at")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly):
    list_display = ("at", "user_name", "action", "target", "count", "reason")
