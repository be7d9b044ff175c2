"""Worker: one worker with its children, what they run and what they have done."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext

from dashboard import words
from dashboard.access import operators_only
from dashboard.pages import page
from dashboard.permissions import Permission, has
from dashboard.running import held_by, running
from dashboard.strips import worker_line
from taskhub import monitor
from taskhub.engines import queue_alias
from taskhub.models import AuditEntry, Worker

_RUNNING, _CHILDREN, _NAMES = 50, 200, 100


def one_worker(worker_id: int) -> Worker:
    """Return a worker's row.

    Raises:
        Http404: no such worker.
    """
    row = Worker.objects.using(queue_alias()).filter(pk=worker_id, parent__isnull=True).first()
    if row is None:
        raise Http404(
            gettext("No worker has the id %(id)s. It never started, or its row was pruned.")
            % {"id": worker_id}
        )
    return row


@operators_only()
def worker(request: HttpRequest, worker_id: int) -> HttpResponse:
    now, row = timezone.now(), one_worker(worker_id)
    held = list(held_by(monitor.active_tasks(), row.pk)[:_RUNNING])
    info = monitor.worker_info(row, len(held))
    line = worker_line(info)
    children = Worker.objects.using(queue_alias()).filter(parent=row, stopped_at__isnull=True)
    context = {
        "now": now,
        "worker": row,
        "line": line,
        "running": running(held, now, with_payloads=has(request.user, Permission.VIEW_PAYLOADS)),
        "children": children.order_by("name")[:_CHILDREN],
        "up": words.between(row.started_at, row.stopped_at or now),
        "names": sorted(map(str, row.tasks))[:_NAMES] if isinstance(row.tasks, list) else [],
        "history": _history(row) if has(request.user, Permission.VIEW_AUDIT) else [],
    }
    return page(request, "worker.html", context, section="workers")


def target(row: Worker) -> str:
    """Return what the audit log calls a worker."""
    return f"worker {row.pk}: {row.name}"[:300]


def _history(row: Worker) -> list[AuditEntry]:
    entries = AuditEntry.objects.using(queue_alias())
    return list(entries.filter(target=target(row)).order_by("-id")[:5])
