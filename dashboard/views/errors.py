"""Errors: what fails, grouped by where it comes from."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dashboard import failures
from dashboard.access import operators_only
from dashboard.pages import page


@operators_only()
def errors(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    found = failures.groups(now)
    context = {
        "now": now,
        "groups": found,
        "total": sum(group.count for group in found),
        "is_capped": any(group.is_capped for group in found),
        "sample": failures.SAMPLE,
    }
    return page(request, "errors.html", context, section="errors")
