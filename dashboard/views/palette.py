"""Palette: where its search can lead beside what the page itself links: to the queues."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.urls import reverse

from dashboard.access import operators_only
from taskhub import monitor

MOST = 1000


@operators_only()
def palette(request: HttpRequest) -> JsonResponse:
    """Answer the names of the queues with their addresses, as JSON."""
    names = monitor.list_queues()[:MOST]
    queues = [{"label": name, "href": reverse("dashboard:queue", args=[name])} for name in names]
    return JsonResponse({"queues": queues})
