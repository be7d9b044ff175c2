"""Tasks: the list, narrowed by its URL, a page at a time."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from dashboard import keyset
from dashboard.access import operators_only
from dashboard.facets import facets
from dashboard.filters import Filters
from dashboard.pages import page
from dashboard.permissions import Permission, has
from dashboard.rows import rows
from taskhub import monitor
from taskhub.models import Task


@operators_only()
def tasks(request: HttpRequest) -> HttpResponse:
    filters = Filters.of(request.GET.dict())
    if filters.task.isdigit() and filters.task.isascii() and len(filters.task) < 19:
        return redirect("dashboard:task", int(filters.task))
    now, with_payloads = timezone.now(), has(request.user, Permission.VIEW_PAYLOADS)
    found = keyset.read(
        _columns(filters.narrow(monitor.tasks()), with_payloads), request.GET.dict()
    )
    context = {
        "now": now,
        "filters": filters,
        "chips": filters.chips(),
        "facets": facets(filters, found.tasks),
        "rows": rows(found.tasks, now, with_payloads=with_payloads),
        "newer": filters.url(after=found.newer) if found.newer is not None else "",
        "older": filters.url(before=found.older) if found.older is not None else "",
        "is_new": not found.tasks and not monitor.tasks().exists(),
    }
    return page(request, "tasks.html", context, section="tasks")


def _columns(found: QuerySet[Task], with_payloads: bool) -> QuerySet[Task]:
    """Leave what the list does not show in the database: payloads may be large."""
    found = found.select_related("progress").defer("options")
    return found if with_payloads else found.defer("options", "args", "kwargs")
