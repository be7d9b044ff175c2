"""Schedules: edited here, by the functions of `taskhub.schedules`: workers keep the new times at once."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, gettext_lazy

from taskhub import schedules
from taskhub.admin.base import ModelAdmin
from taskhub.admin.guarding import each, may, note
from taskhub.admin.looking import is_id
from taskhub.admin.outlook import Outlook, outlook
from taskhub.admin.schedule_form import ScheduleForm
from taskhub.engines import queue_alias
from taskhub.errors import ScheduleError
from taskhub.models import Schedule

_ARGUMENTS = ("task", "args", "kwargs", "options")
_OF_CODE = ("name", *_ARGUMENTS, "kind", "every", "cron", "at", "timezone", "start_at", "end_at", "misfire", "grace",
            "catch_up_limit", "overlap", "jitter")  # fmt: skip
_HISTORY = 20


@admin.register(Schedule)
class ScheduleAdmin(ModelAdmin):
    """Changing what is called needs `edit_arguments`: it is the right to run anything."""

    form = ScheduleForm
    list_display = ("name", "task", "words", "enabled", "state", "next_due_at", "is_from_code")
    list_filter = ("enabled", "kind", "is_from_code")
    search_fields = ("name", "task")
    list_per_page = 50
    show_full_result_count = False
    actions = ("enable", "disable", "run_now", "duplicate")
    readonly_fields = ("state", "outlook", "record")
    fieldsets = (
        (None, {"fields": ("name", "enabled", "state")}),
        (gettext_lazy("What is called"), {"fields": _ARGUMENTS}),
        (gettext_lazy("When"),
         {"fields": ("kind", "every", "cron", "at", "timezone", "start_at", "end_at", "outlook")}),
        (gettext_lazy("What if"), {"fields": ("misfire", "grace", "catch_up_limit", "overlap", "jitter")}),
        (gettext_lazy("What became of it"), {"fields": ("record",)}),
    )  # fmt: skip

    class Media:
        js = ("taskhub/schedule_form.js",)
        css = {"all": ("taskhub/schedule_form.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Schedule]:
        return super().get_queryset(request).using(queue_alias())

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"timezone": settings.TIME_ZONE, **super().get_changeform_initial_data(request)}

    # -- who may ----------------------------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and may(request, "edit_arguments")

    def has_delete_permission(self, request: HttpRequest, obj: Schedule | None = None) -> bool:
        is_declared = obj is not None and schedules.is_declared(obj)
        return super().has_delete_permission(request, obj) and not is_declared

    def has_run_permission(self, request: HttpRequest) -> bool:
        return may(request, "run_schedule")

    def get_fieldsets(self, request: HttpRequest, obj: Schedule | None = None) -> Any:
        """Leave out the arguments for those who may not edit them: they may hold what is masked elsewhere."""
        if may(request, "edit_arguments"):
            return self.fieldsets
        return [
            (title, {**more, "fields": ("task",)} if more["fields"] == _ARGUMENTS else more)
            for title, more in self.fieldsets
        ]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Schedule | None = None
    ) -> tuple[str, ...]:
        if obj is not None and obj.is_from_code:
            return (*self.readonly_fields, *_OF_CODE)
        if not may(request, "edit_arguments"):
            return (*self.readonly_fields, *_ARGUMENTS)
        return self.readonly_fields

    # -- what is written ----------------------------------------------------------------------------------------------

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """As Django has it; what has become wrong since the form was checked is shown in the form, as typed."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except ScheduleError as error:
            request.refusal = error  # type: ignore[attr-defined]
            return super().changeform_view(request, *args, **kwargs)

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        form = super().get_form(request, *args, **kwargs)
        form.refusal = getattr(request, "refusal", None)  # type: ignore[attr-defined]
        form.tells_of_arguments = may(request, "edit_arguments")  # type: ignore[attr-defined]
        return form

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().delete_view(request, *args, **kwargs)
        except ScheduleError as error:
            self.message_user(request, str(error), messages.ERROR)
            return redirect("admin:taskhub_schedule_changelist")

    def save_model(self, request: HttpRequest, obj: Schedule, form: Any, change: bool) -> None:
        schedules.save(obj)
        note(request, "change schedule" if change else "add schedule", obj.name)

    def delete_model(self, request: HttpRequest, obj: Schedule) -> None:
        schedules.remove(obj.name)
        note(request, "remove schedule", obj.name)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        each(self, request, queryset, "remove schedule", lambda row: schedules.remove(row.name))

    @admin.action(description=gettext_lazy("Enable the chosen schedules"), permissions=["change"])
    def enable(self, request: HttpRequest, rows: QuerySet[Schedule]) -> None:
        each(self, request, rows, "enable schedule", lambda row: schedules.enable(row.name))

    @admin.action(description=gettext_lazy("Disable the chosen schedules"), permissions=["change"])
    def disable(self, request: HttpRequest, rows: QuerySet[Schedule]) -> None:
        why = f"disabled by {request.user.get_username()}"
        each(self, request, rows, "disable schedule", lambda row: schedules.disable(row.name, why))

    @admin.action(description=gettext_lazy("Run the chosen schedules now"), permissions=["run"])
    def run_now(self, request: HttpRequest, rows: QuerySet[Schedule]) -> None:
        each(
            self,
            request,
            rows,
            "run schedule",
            lambda row: schedules.run_here_or_elsewhere(row.name),
        )

    @admin.action(
        description=gettext_lazy("Duplicate the chosen schedules, disabled"), permissions=["add"]
    )
    def duplicate(self, request: HttpRequest, rows: QuerySet[Schedule]) -> HttpResponse | None:
        made: list[Schedule] = []
        count = each(
            self, request, rows, "duplicate schedule", lambda row: made.append(schedules.duplicate(row.name))
        )  # fmt: skip
        if count != 1:
            return None
        return redirect("admin:taskhub_schedule_change", made[0].pk)

    # -- what is shown ------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("when"))
    def words(self, obj: Schedule) -> str:
        return f"{schedules.words_of(obj)} ({obj.timezone})"

    @admin.display(description=gettext_lazy("state"))
    def state(self, obj: Schedule | None) -> str:
        if obj is None or obj._state.adding:
            return gettext("not saved yet")
        return schedules.standing(obj)

    @admin.display(description=gettext_lazy("next times"))
    def outlook(self, obj: Schedule | None) -> SafeString:
        found = outlook(obj.timing) if obj is not None and not obj._state.adding else Outlook()
        url = reverse("admin:taskhub_schedule_preview")
        pk = obj.pk if obj is not None and obj.pk is not None else ""
        context = {"outlook": found, "url": url, "pk": pk}
        return mark_safe(render_to_string("taskhub/admin/outlook.html", context))  # noqa: S308  # of our template

    @admin.display(description=gettext_lazy("last times"))
    def record(self, obj: Schedule | None) -> SafeString:
        runs = [] if obj is None or obj._state.adding else schedules.history(obj, _HISTORY)
        rows = [(run, _task_url(run.task_id)) for run in runs]
        return mark_safe(render_to_string("taskhub/admin/record.html", {"rows": rows}))  # noqa: S308

    # -- preview ------------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview)
        return [path("preview/", view, name="taskhub_schedule_preview"), *super().get_urls()]

    def preview(self, request: HttpRequest) -> HttpResponse:
        """Say what is wrong with a form that somebody fills in, and what it would mean."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        pk = request.GET.get("schedule", "")
        obj = self.get_queryset(request).filter(pk=pk).first() if is_id(pk) else None
        is_allowed = (
            self.has_change_permission(request, obj)
            if obj is not None
            else self.has_add_permission(request)
        )
        if not is_allowed:
            raise PermissionDenied
        form = self.get_form(request, obj, change=obj is not None)(request.POST, instance=obj)
        errors = {name: [*map(str, found)] for name, found in form.errors.items()}
        found = outlook(form.instance.timing) if form.instance.kind else Outlook()
        return JsonResponse({"errors": errors, **found.as_json()})


def _task_url(task_id: int | None) -> str:
    if task_id is None:
        return ""
    try:
        return reverse("dashboard:task", args=[task_id])
    except NoReverseMatch:  # the dashboard is somewhere else
        return reverse("admin:taskhub_task_change", args=[task_id])
