"""Queues: what waits, what moves, and who works on it, for all queues."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy

from dashboard import rates, words
from dashboard.access import operators_only
from dashboard.pages import page
from dashboard.strips import QueueLine, queue_lines
from dashboard.words import CAP
from taskhub import monitor

SORTS = {
    "name": gettext_lazy("by name"),
    "oldest": gettext_lazy("by oldest wait"),
    "depth": gettext_lazy("by depth"),
}


@operators_only()
def queues(request: HttpRequest) -> HttpResponse:
    now, workers = timezone.now(), monitor.workers()
    lines = queue_lines(monitor.queue_stats(most=CAP), workers, now, rates.read(now))
    sort = request.GET.get("sort", "name")
    context = {
        "now": now,
        "lines": _sorted(lines, sort),
        "sorts": SORTS,
        "sort": sort if sort in SORTS else "name",
        "waiting": words.at_least(
            (n for one in lines for n in (one.stats.queued, one.stats.pending, one.stats.retrying)),
            lines[0].stats.most if lines else None,
        ),
        "running": sum(line.stats.running for line in lines),
        "slots": sum(info.worker.slots for info in workers if info.is_claiming),
        "paused": [line for line in lines if line.stats.is_paused],
    }
    return page(request, "queues.html", context, section="queues")


def _sorted(lines: list[QueueLine], sort: str) -> list[QueueLine]:
    if sort == "oldest":
        return sorted(lines, key=lambda line: -(line.oldest or 0.0))
    if sort == "depth":
        return sorted(lines, key=lambda line: (-line.stats.waiting, -(line.oldest or 0.0)))
    return lines
