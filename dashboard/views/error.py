"""Error: one group of failures, with a sample of what was raised and the tasks that it hit."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext

from dashboard import failures, tracebacks
from dashboard.access import operators_only
from dashboard.filters import Filters
from dashboard.pages import page
from dashboard.permissions import Permission, has
from dashboard.reading import count_capped, in_state
from taskhub import monitor
from taskhub.engines import queue_alias
from taskhub.models import Result
from taskhub.states import TaskState

_SHOWN = 25


@operators_only()
def error(request: HttpRequest, fingerprint: str) -> HttpResponse:
    now = timezone.now()
    group = failures.one_group(fingerprint, now)
    if group is None:
        raise Http404(
            gettext(
                "No error has the fingerprint %(fingerprint)s. It was never kept, or its tasks were pruned."
            )
            % {"fingerprint": fingerprint}
        )
    sample = Result.objects.using(queue_alias()).defer("value").get(pk=group.newest_id)
    may_see = has(request.user, Permission.VIEW_PAYLOADS)
    failed = in_state(monitor.tasks(), TaskState.FAILED)
    newest = failures.errors().filter(fingerprint=fingerprint).order_by("-finished_at")
    context = {
        "now": now,
        "group": group,
        "sample": sample,
        "traceback": tracebacks.frames(sample.traceback) if may_see else None,
        "hits": list(newest.select_related("task").defer("value", "traceback")[:_SHOWN]),
        "failed": count_capped(failed.filter(results__fingerprint=fingerprint)),
        "search": Filters(state="failed", fingerprint=fingerprint).url(),
    }
    return page(request, "error.html", context, section="errors")
