"""Mass actions: choose, look at the count, confirm, watch, stop, undo."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from dashboard import audit, bulk, reasons, words
from dashboard.access import Refused, actions_only, operators_only, require
from dashboard.bulk_titles import title
from dashboard.filters import Filters
from dashboard.narrowing import narrow, refused
from dashboard.pages import page
from dashboard.permissions import Permission, has, missing
from taskhub import monitor
from taskhub.models import BulkAction, BulkState, BulkVerb, Task
from taskhub.queue import bulk as pinning

_SELECTED = 1000  # tasks that a form may name


@operators_only(methods=actions_only)
def choose(request: HttpRequest) -> HttpResponse:
    """Pin the tasks of a selection, or all that match a search, and show what that would be."""
    verb = request.POST.get("verb", "")
    if verb not in (BulkVerb.RETRY, BulkVerb.CANCEL):
        said = gettext("A mass action is one of retry and cancel, and not %(verb)r")
        raise Refused(said % {"verb": verb[:30]})
    require(request, bulk.PERMISSIONS[BulkVerb(verb)], "")
    filters = Filters.of(dict(parse_qsl(request.POST.get("search", "").removeprefix("?"))))
    if request.POST.get("which") == "all":
        if not dict(filters.items()):
            raise Refused(gettext("No filter was given, and all tasks is seldom what is meant"))
        may_see = has(request.user, Permission.VIEW_PAYLOADS)
        if refused(filters, with_payloads=may_see) or filters.problems():
            raise Refused(gettext("This search cannot be used: look at it once more"))
        chosen, said = narrow(monitor.tasks(), filters, timezone.now()), filters.words
    else:
        ids = list(_ids(request.POST.getlist("id")))
        if not ids:
            messages.warning(request, gettext("Nothing is selected: tick the tasks that you mean."))
            return redirect(f"{reverse('dashboard:tasks')}{filters.url()}")
        chosen = monitor.tasks().filter(id__in=ids)
        said = words.recorded(len(ids), "selected task")
    return _pinned(request, BulkVerb(verb), chosen, said)


@operators_only(Permission.PURGE_QUEUE, methods=actions_only)
def purge(request: HttpRequest, queue: str) -> HttpResponse:
    """Pin what waits in a queue, and show what a purge would cancel."""
    return _pinned(
        request, BulkVerb.PURGE, monitor.tasks().filter(queue=queue), Filters(queue=queue).words
    )


@operators_only()
def bulk_action(request: HttpRequest, action_id: int) -> HttpResponse:
    action, now = bulk.one_action(action_id), timezone.now()
    is_hidden = _is_hidden(request, action)
    found = [] if is_hidden else bulk.parts(action)
    context = {
        "now": now,
        "action": action,
        "title": title(action),
        "filters": action.open_filters if is_hidden else action.filters,
        "is_hidden": is_hidden,
        "parts": found,
        "fraction": bulk.fraction(action),
        "icon": bulk.LOOKS[BulkVerb(action.verb)],
        "is_going": bulk.is_going(action),
        "is_stale": bulk.is_stale(action, now),
        "is_preview": action.state == BulkState.PREVIEW,
        "can_undo": bulk.can_undo(action, now),
        "is_destructive": action.verb != BulkVerb.RETRY,
        "running": sum(part.count for part in found if part.state == "running"),
        "span": bulk.span(action),
        "may_act": has(request.user, bulk.PERMISSIONS[BulkVerb(action.verb)]),
        "limit": pinning.PINNED,
    }
    return page(request, "bulk.html", context, section="tasks")


@operators_only(methods=actions_only)
def run(request: HttpRequest, action_id: int) -> HttpResponse:
    """Begin an action that was looked at, or go on with one that stands still."""
    action = _allowed(request, action_id)
    _is_hidden(request, action)
    is_confirmed = "confirm" in request.POST or action.state == BulkState.PREVIEW
    if is_confirmed and not _begin(request, action):
        return redirect("dashboard:bulk", action_id)
    if not is_confirmed and bulk.is_stale(action, timezone.now()):
        entry = audit.begin(request.user, "go on", f"{action.mark}: {action.filters}", "")
        audit.settle(entry, 1, f"went on after {action.done} of {action.pinned}")
    bulk.go_on(action_id)
    return redirect("dashboard:bulk", action_id)


@operators_only(methods=actions_only)
def stop_bulk(request: HttpRequest, action_id: int) -> HttpResponse:
    action = _allowed(request, action_id)
    entry = audit.begin(
        request.user, "stop", f"{action.mark}: {action.filters}", reasons.given(request)
    )
    if pinning.stop(action_id):
        after = bulk.one_action(action_id)
        audit.settle(entry, 1, f"stopped after {after.done} of {after.pinned}")
    else:
        audit.refuse(entry, "it was over already")
        messages.warning(request, gettext("Not stopped: it was over already."))
    return redirect("dashboard:bulk", action_id)


@operators_only(methods=actions_only)
def undo(request: HttpRequest, action_id: int) -> HttpResponse:
    action = _allowed(request, action_id)
    entry = audit.begin(
        request.user, "undo", f"{action.mark}: {action.filters}", reasons.given(request)
    )
    if pinning.undo(action_id, entry):
        bulk.go_on(action_id)
    else:
        audit.refuse(entry, "its time was over, or it goes on")
        said = gettext("Not undone: a purge can be undone for 15 minutes after its end.")
        messages.warning(request, said)
    return redirect("dashboard:bulk", action_id)


def _begin(request: HttpRequest, action: BulkAction) -> bool:
    """Begin what this person has confirmed; who comes second is on record too, and is told who was first."""
    reason = reasons.given(request)
    if action.verb != BulkVerb.RETRY and not reason:
        messages.error(request, gettext("Nothing was done: say why, the audit log keeps it."))
        return False
    target = f"{words.recorded(action.pinned, 'task')}: {action.filters}"
    entry = audit.begin(request.user, action.verb, target, reason)
    if pinning.start(action, entry, reasons.signed(request)):
        return True
    first = bulk.one_action(action.pk).user_name
    audit.refuse(entry, f"{first} had confirmed it")
    said = gettext(
        "%(name)s had confirmed it already: yours changed nothing more, and is in the audit log."
    )
    messages.warning(request, said % {"name": first})
    return False


def _pinned(
    request: HttpRequest, verb: BulkVerb, chosen: QuerySet[Task], said: str
) -> HttpResponse:
    by = pinning.By(str(request.user.pk), request.user.get_username())
    action = pinning.pin(verb, chosen, by, said)
    for queue in action.queues:
        require(request, bulk.PERMISSIONS[verb], queue)
    return redirect("dashboard:bulk", action.pk)


def _allowed(request: HttpRequest, action_id: int) -> BulkAction:
    """Return an action that this person may carry out, for each queue that it touches."""
    action = bulk.one_action(action_id)
    permission = bulk.PERMISSIONS[BulkVerb(action.verb)]
    for queue in action.queues or [""]:
        require(request, permission, queue)
    return action


def _is_hidden(request: HttpRequest, action: BulkAction) -> bool:
    """Tell whether this person may not know what chose the tasks; whoever has confirmed it may.

    Raises:
        Refused: nobody has confirmed it, so it would be for this person to judge.
    """
    is_hidden = action.is_by_payloads and not has(request.user, Permission.VIEW_PAYLOADS)
    if is_hidden and action.state == BulkState.PREVIEW:
        raise Refused(missing(Permission.VIEW_PAYLOADS))
    return is_hidden


def _ids(given: Iterable[str]) -> Iterable[int]:
    for text in list(given)[:_SELECTED]:
        if text.isascii() and text.isdigit() and len(text) < 19:
            yield int(text)
