"""ScheduleForm: a schedule as a person types it, checked as `taskhub.schedules` checks it."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.forms.fields import InvalidJSONInput
from django.utils import timezone
from django.utils.translation import gettext

from taskhub.engines import get_engine, queue_alias
from taskhub.errors import InvalidArguments, ScheduleError
from taskhub.models import Schedule, TaskCatalog
from taskhub.payload import normalize
from taskhub.schedules import problems

TIMES = ("kind", "every", "cron", "at", "timezone", "start_at", "end_at")

_CALL = ("args", "kwargs", "options")


class DataListInput(forms.TextInput):
    """A line of text with suggestions: what is not among them can be typed, and is then refused with a reason."""

    template_name = "taskhub/admin/datalist.html"

    def __init__(self, options: list[str], **more: Any) -> None:
        super().__init__(**more)
        self.options = options

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        list_id = f"{name}-options"
        context = super().get_context(name, value, {**(attrs or {}), "list": list_id})
        return {**context, "list_id": list_id, "options": self.options}


class JSONText(forms.JSONField):
    """JSON as a person types it. What no database stores, or Python does not read, is refused and shown as typed."""

    def to_python(self, value: Any) -> Any:
        try:
            return normalize(super().to_python(value), str(self.label))
        except (ValueError, RecursionError) as error:
            is_ours = isinstance(error, InvalidArguments)
            told = str(error) if is_ours else self.error_messages["invalid"]
            raise forms.ValidationError(told, code="invalid") from error

    def bound_data(self, data: Any, initial: Any) -> Any:
        if self.disabled:
            return initial
        try:
            return self.to_python(data)
        except forms.ValidationError:
            return InvalidJSONInput(data)


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]
    """Each problem stands beside its field; what is wrong as a whole, above the form."""

    class Meta:
        model = Schedule
        fields = "__all__"  # noqa: DJ007  # the admin names them
        field_classes = dict.fromkeys(_CALL, JSONText)

    refusal: ScheduleError | None = None  # what the schedule met with after it had been checked
    tells_of_arguments = True  # to whom may see them

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            self.instance.created_at = get_engine().now().replace(microsecond=0)
        suggestions = {"timezone": sorted(available_timezones()), "task": schedulable_tasks()}
        for name in suggestions.keys() & self.fields.keys():
            looks = f"{self.fields[name].widget.attrs.get('class', '')} taskhub-wide".strip()
            self.fields[name].widget = DataListInput(suggestions[name], attrs={"class": looks})
        for name in {"at", "start_at", "end_at"} & self.fields.keys():
            clock = timezone.get_current_timezone_name()
            of_zone = gettext("On the clock of %(zone)s.") % {"zone": clock}
            self.fields[name].help_text = f"{self.fields[name].help_text} {of_zone}"
        for name in _CALL:
            if name in self.fields:
                self.fields[name].widget.attrs["rows"] = 3

    def clean_args(self) -> Any:
        return _or_empty(self.cleaned_data["args"], [])

    def clean_kwargs(self) -> Any:
        return _or_empty(self.cleaned_data["kwargs"], {})

    def clean_options(self) -> Any:
        return _or_empty(self.cleaned_data["options"], {})

    def clean_task(self) -> str:
        name: str = self.cleaned_data["task"]
        entry = TaskCatalog.objects.using(queue_alias()).filter(name=name).first()
        if entry is not None and not entry.is_schedulable and name != self.initial.get("task"):
            raise forms.ValidationError(
                gettext("%(name)s is not offered for schedules (schedulable=False).")
                % {"name": name}
            )
        return name

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        now = get_engine().now() if self._is_to_be_due() else None
        for field, message in problems(self.instance, now).items():
            if field not in self.errors:
                self._tell(field, message)

        if self.refusal is not None:
            self._tell(self.refusal.field, str(self.refusal))

    def _tell(self, field: str, message: str) -> None:
        if field in _CALL and not self.tells_of_arguments:
            message = gettext(
                "What the task is called with does not fit. Who may edit the arguments is told why."
            )
        self.add_error(field if field in self.fields else None, message)

    def _is_to_be_due(self) -> bool:
        """An enabled one whose time is over may still get another name."""
        is_changed = not {*TIMES, "enabled"}.isdisjoint(self.changed_data)
        return self.instance.enabled and (self.instance._state.adding or is_changed)


def schedulable_tasks() -> list[str]:
    """Return the names of the tasks that may be offered to people who edit schedules."""
    rows = TaskCatalog.objects.using(queue_alias()).filter(is_schedulable=True)
    return [*rows.order_by("name").values_list("name", flat=True)]


def _or_empty(value: Any, empty: Any) -> Any:
    return empty if value is None else value
