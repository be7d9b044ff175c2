"""Control workers: quiet, wake and stop; each tells the worker, which obeys within a moment."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext

from dashboard import audit, reasons
from dashboard.access import actions_only, operators_only
from dashboard.back import back
from dashboard.pages import page
from dashboard.permissions import Permission
from dashboard.strips import worker_line
from dashboard.views.worker import one_worker, target
from taskhub import monitor
from taskhub.errors import WorkerStopped
from taskhub.models import Worker


@operators_only(Permission.CONTROL_WORKER, methods=actions_only)
def quiet(request: HttpRequest, worker_id: int) -> HttpResponse:
    said = gettext(
        "%(name)s claims nothing more; what runs goes on. Wake it when it may work again."
    )
    return _tell(request, worker_id, "quiet", monitor.quiet_worker, said)


@operators_only(Permission.CONTROL_WORKER, methods=actions_only)
def wake(request: HttpRequest, worker_id: int) -> HttpResponse:
    return _tell(
        request, worker_id, "wake", monitor.wake_worker, gettext("%(name)s takes tasks again.")
    )


@operators_only(Permission.CONTROL_WORKER)
def confirm_stop(request: HttpRequest, worker_id: int) -> HttpResponse:
    row = one_worker(worker_id)
    active = monitor.active_tasks().filter(worker__parent=row).count()
    context = {"worker": row, "line": worker_line(monitor.worker_info(row, active))}
    return page(request, "stop.html", context, section="workers")


@operators_only(Permission.CONTROL_WORKER, methods=actions_only)
def stop(request: HttpRequest, worker_id: int) -> HttpResponse:
    said = gettext(
        "%(name)s was told to stop. What runs gets its time; what is left then goes back to its queue."
    )
    return _tell(request, worker_id, "stop", monitor.stop_worker, said)


def _tell(
    request: HttpRequest, worker_id: int, verb: str, tell: Callable[[int], Worker], said: str
) -> HttpResponse:
    row = one_worker(worker_id)
    entry = audit.begin(request.user, verb, target(row), reasons.given(request))
    try:
        tell(worker_id)
    except WorkerStopped as error:
        audit.refuse(entry, str(error))
        messages.warning(request, gettext("Not done: %(error)s") % {"error": error})
    else:
        audit.settle(entry, 1, "told")
        messages.success(request, said % {"name": row.name})
    return back(request, "dashboard:worker", worker_id)
