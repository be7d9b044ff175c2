"""Workers: who is there, what they run, and how they are."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import groupby

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dashboard.access import operators_only
from dashboard.filters import Filters
from dashboard.pages import page
from dashboard.permissions import Permission, has
from dashboard.running import running
from dashboard.strips import WorkerLine, worker_line, worker_state
from taskhub import monitor

GONE = timedelta(hours=1)  # for so long those that have left are listed
_RUNNING = 12


@operators_only()
def workers(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    lines = [worker_line(info) for info in monitor.workers(stopped_within=GONE)]
    longest = monitor.active_tasks()[: _RUNNING + 1]
    shown = running(longest, now, with_payloads=has(request.user, Permission.VIEW_PAYLOADS))
    healthy = [line for line in lines if line.info.is_healthy]
    context = {
        "now": now,
        "lines": lines,
        "hosts": _by_host(lines),
        "counts": dict(Counter(worker_state(line.key) for line in lines)),
        "busy": sum(line.info.active for line in healthy),
        "slots": sum(line.info.worker.slots for line in healthy),
        "versions": {line.info.worker.version for line in healthy},
        "running": shown[:_RUNNING],
        "is_more": len(shown) > _RUNNING,
        "running_list": Filters(state="running").url(),
    }
    return page(request, "workers.html", context, section="workers")


def _by_host(lines: list[WorkerLine]) -> list[tuple[str, list[WorkerLine]]]:
    def host(line: WorkerLine) -> str:
        return line.info.worker.host

    return [(name, list(group)) for name, group in groupby(sorted(lines, key=host), key=host)]
