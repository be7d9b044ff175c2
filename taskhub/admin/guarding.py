"""Guarding: who may do what in the admin, and on record who did."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy

from taskhub.engines import queue_alias
from taskhub.errors import TaskhubError
from taskhub.models import AuditEntry
from taskhub.text import storable

_DASHBOARD = "taskhub_dashboard"  # the rights of the dashboard hold here too
_SHOWN = 3  # errors
_ACTIONS = {
    "cancel": pgettext_lazy("action in the admin", "cancel"),
    "retry": pgettext_lazy("action in the admin", "retry"),
    "pause": pgettext_lazy("action in the admin", "pause"),
    "resume": pgettext_lazy("action in the admin", "resume"),
    "remove schedule": pgettext_lazy("action in the admin", "remove schedule"),
    "enable schedule": pgettext_lazy("action in the admin", "enable schedule"),
    "disable schedule": pgettext_lazy("action in the admin", "disable schedule"),
    "run schedule": pgettext_lazy("action in the admin", "run schedule"),
    "duplicate schedule": pgettext_lazy("action in the admin", "duplicate schedule"),
}


def may(request: HttpRequest, codename: str) -> bool:
    """Tell whether the person who asks holds one of the dashboard's permissions; superusers hold all."""
    return bool(request.user.has_perm(f"{_DASHBOARD}.{codename}"))


def is_everything(request: HttpRequest) -> bool:
    """Tell whether the action is meant for all rows of the list, also those that the person has not seen."""
    return request.POST.get("select_across", "0") not in ("", "0")


def note(request: HttpRequest, action: str, target: str, count: int = 1) -> None:
    """Write an entry of the audit log."""
    AuditEntry.objects.using(queue_alias()).create(
        at=timezone.now(),
        user_id=storable(str(request.user.pk))[:100],
        user_name=storable(request.user.get_username())[:200],
        action=action[:30],
        target=storable(target)[:300],
        count=count,
    )


def action_word(action: str) -> str:
    """Return the word for an action; the audit log keeps the English one, whoever acts."""
    return str(_ACTIONS.get(action, action))


def each(
    model_admin: ModelAdmin[Any],
    request: HttpRequest,
    rows: Iterable[Any],
    action: str,
    act: Callable[[Any], object],
) -> int:
    """Do something with each chosen row, one after the other, and tell what came of it; return how many went well."""
    if is_everything(request):
        told = gettext(
            "Choose the rows themselves; for more than a page of them there are the dashboard and taskhub.monitor."
        )
        model_admin.message_user(request, told, messages.ERROR)
        return 0
    done: list[str] = []
    errors: list[str] = []
    for row in rows:
        try:
            act(row)
            done.append(str(row))
        except TaskhubError as error:
            errors.append(str(error))
    if done:
        note(request, action, ", ".join(done), len(done))
        said = f"{action_word(action)}: {', '.join(done)}"
        model_admin.message_user(request, said, messages.SUCCESS)
    for told in errors[:_SHOWN]:
        model_admin.message_user(request, told, messages.ERROR)
    if len(errors) > _SHOWN:
        told = gettext("%(n)s more could not be changed.") % {"n": len(errors) - _SHOWN}
        model_admin.message_user(request, told, messages.ERROR)
    return len(done)
