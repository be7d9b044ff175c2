"""Overview: what needs attention, then the numbers, the queues and the workers."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dashboard import attention, figures
from dashboard.access import operators_only
from dashboard.filters import Filters
from dashboard.pages import page


@operators_only()
def overview(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    numbers = figures.read(now)
    found = attention.concerns(numbers)
    context = {
        "now": now,
        "figures": numbers,
        "concerns": found,
        "verdict": attention.verdict(found),
        "lists": {
            state: Filters(state=state).url()
            for state in ("queued", "running", "failed", "succeeded")
        },
    }
    return page(request, "overview.html", context, section="overview")
