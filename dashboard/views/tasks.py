"""Tasks: the list, narrowed by its URL, a page at a time."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from dashboard import bulk, grammar, keyset, saved
from dashboard.access import operators_only
from dashboard.bulk_titles import title
from dashboard.facets import facets
from dashboard.filters import Filters
from dashboard.narrowing import first_id, key, narrow, refused, window
from dashboard.pages import page
from dashboard.permissions import Permission, has
from dashboard.rows import rows
from dashboard.when import when
from taskhub import monitor
from taskhub.models import Task


@operators_only()
def tasks(request: HttpRequest) -> HttpResponse:
    query = request.GET.dict()
    filters = Filters.of(query)
    typed = grammar.read(query.get("q", ""))
    filters = typed.over(filters)
    if filters.task.isdigit() and filters.task.isascii() and len(filters.task) < 19:
        return redirect("dashboard:task", int(filters.task))
    if typed.task_id is not None and not typed.bad:
        return redirect("dashboard:task", typed.task_id)
    if "q" in query and not typed.bad:
        return redirect(f"{request.path}{filters.url()}")
    return page(request, "tasks.html", _context(request, filters, typed), section="tasks")


def _context(request: HttpRequest, filters: Filters, typed: grammar.Typed) -> dict[str, Any]:
    now, may_see = timezone.now(), has(request.user, Permission.VIEW_PAYLOADS)
    not_for_you = refused(filters, with_payloads=may_see)
    usable = filters if not not_for_you else Filters(state=" ")  # which matches nothing
    first = first_id(usable, now)
    matching = _columns(narrow(monitor.tasks(), usable, now, first), may_see)
    found = keyset.read(
        matching, request.GET.dict(), window=window(usable), first=first, key=key(usable)
    )
    return {
        "now": now,
        "filters": filters,
        "chips": filters.chips(not_for_you),
        "bad_words": [(word, _mended(filters, word)) for word in typed.bad],
        "typed": request.GET.get("q", "") if typed.bad else "",
        "when": when(usable, now),
        "facets": facets(
            filters, found.tasks, now, first, is_all=found.is_all and "before" not in request.GET
        )
        if not not_for_you
        else [],
        "rows": rows(found.tasks, now, with_payloads=may_see),
        "newer": filters.url(after=found.newer) if found.newer is not None else "",
        "older": filters.url(before=found.older) if found.older is not None else "",
        "looked_to": found.looked_to,
        "window": window(filters),
        "is_new": not found.tasks and not monitor.tasks().exists(),
        "actions": [(action, title(action)) for action in bulk.recent(now)],
        "views": saved.views(request.user),
        "search": filters.url(),
    }


def _mended(filters: Filters, word: grammar.Word) -> str:
    """Return the URL of the list with the word that was probably meant."""
    return grammar.read(word.mend).over(filters).url() if word.mend else ""


def _columns(found: QuerySet[Task], with_payloads: bool) -> QuerySet[Task]:
    """Leave what the list does not show in the database: payloads may be large."""
    found = found.select_related("progress").defer("options")
    return found if with_payloads else found.defer("options", "args", "kwargs")
