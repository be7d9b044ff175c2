"""Overview: what needs attention, then the numbers, the queues and the workers."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dashboard import attention, charts, figures, rates, waits
from dashboard.access import operators_only
from dashboard.filters import Filters
from dashboard.pages import page
from taskhub import conf
from taskhub.metrics import series


@operators_only()
def overview(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    points = series(now - timedelta(minutes=rates.MINUTES - 1), now)
    numbers = figures.read(now, points)
    oldest_at = numbers.oldest.stats.oldest_queued_at if numbers.oldest else None
    found = attention.concerns(numbers)
    context = {
        "now": now,
        "figures": numbers,
        "concerns": found,
        "verdict": attention.verdict(found),
        "throughput": charts.throughput(points),
        "waits": charts.times(
            points, "wait", conf.get().health_max_wait, waits.oldest(now, oldest_at)
        ),
        "runs": charts.times(points, "run"),
        "objective": conf.get().health_max_wait,
        "lists": {
            state: Filters(state=state).url()
            for state in ("queued", "running", "failed", "succeeded")
        },
    }
    return page(request, "overview.html", context, section="overview")
