"""Queue: one queue, with its workers, its limits and the tasks at its front."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext

from dashboard import bulk, charts, rates, waits
from dashboard.access import operators_only
from dashboard.bulk_titles import title
from dashboard.filters import Filters
from dashboard.pages import page
from dashboard.permissions import Permission, has
from dashboard.rows import rows
from dashboard.strips import queue_lines, takes, worker_line
from dashboard.views.pause import spans
from dashboard.words import CAP
from taskhub import monitor
from taskhub.engines import queue_alias
from taskhub.metrics import series
from taskhub.models import AuditEntry, MetricBucket, Task
from taskhub.states import TaskState

_FRONT = 10
_DEEDS = 5


@operators_only()
def queue(request: HttpRequest, queue: str) -> HttpResponse:
    now, workers = timezone.now(), monitor.workers()
    if not _is_known(queue, now):
        raise Http404(
            gettext(
                "No queue is called %(queue)r: no task has named it, and nobody has paused or limited it."
            )
            % {"queue": queue}
        )
    points = series(now - timedelta(minutes=rates.MINUTES - 1), now, queue=queue)
    stats = monitor.queue_stats([queue], most=CAP)
    (line,) = queue_lines(stats, workers, now, rates.read(now, points))
    context = {
        "now": now,
        "line": line,
        "stats": line.stats,
        "minutes": spans(),
        "workers": [worker_line(info) for info in workers if takes(info, queue)],
        "throughput": charts.throughput(points),
        "runs": charts.times(points, "run"),
        "waits": charts.times(
            points,
            "wait",
            line.objective,
            waits.oldest(now, line.stats.oldest_queued_at, queue),
        ),
        "actions": [
            (action, title(action)) for action in bulk.recent(now) if queue in action.queues
        ],
        "front": rows(
            _front(queue), now, with_payloads=has(request.user, Permission.VIEW_PAYLOADS)
        ),
        "lists": {
            state: Filters(state=state, queue=queue).url()
            for state in ("queued", "pending", "retrying", "running", "failed")
        },
        "may_here": {
            name: has(request.user, Permission(name), queue)
            for name in ("pause_queue", "purge_queue")
        },
        "history": _history(queue) if has(request.user, Permission.VIEW_AUDIT) else [],
    }
    return page(request, "queue.html", context, section="queues")


def _is_known(queue: str, now: datetime) -> bool:
    """Tell whether there is such a queue, or was lately: its last task may be the one that the reader comes from."""
    if queue in monitor.list_queues():
        return True
    measured = MetricBucket.objects.using(queue_alias()).filter(queue=queue)
    return any(queue in action.queues for action in bulk.recent(now)) or measured.exists()


def _front(queue: str) -> list[Task]:
    """Return the tasks that would be claimed next."""
    queued = monitor.tasks().filter(queue=queue, state=TaskState.QUEUED).select_related("progress")
    return list(queued.order_by("-priority", "position", "id")[:_FRONT])


def _history(queue: str) -> list[AuditEntry]:
    """Return what was done to the queue last, here or in the admin; also to all that it held, by mass actions."""
    itself, all_of_it = f"queue {queue}", f": {Filters(queue=queue).words}"
    in_admin = Q(action__in=["pause", "resume"], target=queue)
    about = Q(target=itself) | in_admin | Q(target__endswith=all_of_it)
    found = AuditEntry.objects.using(queue_alias()).filter(about).order_by("-id")[: 10 * _DEEDS]
    # Some databases find "Mail" where "mail" was looked for.
    return [
        one for one in found if one.target in (itself, queue) or one.target.endswith(all_of_it)
    ][:_DEEDS]
