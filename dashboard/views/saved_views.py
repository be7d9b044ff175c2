"""Save a search under a name, and forget one."""

from __future__ import annotations

from urllib.parse import parse_qsl

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext

from dashboard import saved
from dashboard.access import actions_only, operators_only
from dashboard.filters import Filters


@operators_only(methods=actions_only)
def save_view(request: HttpRequest) -> HttpResponse:
    search = Filters.of(dict(parse_qsl(request.POST.get("search", "").removeprefix("?")))).url()
    name = request.POST.get("name", "").strip()
    if not name:
        messages.error(request, gettext("Nothing was saved: give it a name."))
    elif len(search) > 1000:
        messages.error(request, gettext("Nothing was saved: the search is too long."))
    else:
        try:
            view = saved.save(request.user, name, search, is_shared="shared" in request.POST)
            messages.success(request, gettext("Saved as %(name)s.") % {"name": view.name})
        except saved.TooMany as error:
            messages.error(request, gettext("Nothing was saved: %(error)s") % {"error": error})
    return redirect(f"{reverse('dashboard:tasks')}{search}")


@operators_only(methods=actions_only)
def forget_view(request: HttpRequest, view_id: int) -> HttpResponse:
    if saved.forget(request.user, view_id):
        messages.success(request, gettext("Forgotten."))
    else:
        said = gettext("Nothing was forgotten: that view is not yours, or it is gone.")
        messages.warning(request, said)
    return redirect("dashboard:tasks")
