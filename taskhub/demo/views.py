"""Serve the demo's pages: a form that enqueues, a page that shows progress, sample buttons."""

from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.apps import apps
from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
)
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from taskhub import get_result
from taskhub.compat import TaskResultDoesNotExist
from taskhub.demo import tokens
from taskhub.demo.forms import MAX_BYTES, UploadForm
from taskhub.demo.links import dashboard_address, login_address
from taskhub.demo.models import Order, Upload
from taskhub.demo.orders_file import COLUMNS
from taskhub.demo.paths import ORDERS_CSV, file_in_media
from taskhub.demo.progress import answer_of, describe, sum_up
from taskhub.demo.samples import BY_SLUG, SAMPLES
from taskhub.demo.tasks import import_csv
from taskhub.demo.tokens import Ticket

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

PAUSE_S = 0.05
"""Between two batches of an import, so that its bar can be seen to move."""


def says_what_is_missing(view: View[P]) -> View[P]:
    """Show a page in plain words where the view raises Http404; its text is meant for visitors."""

    @wraps(view)
    def answer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except Http404 as missing:
            return _problem(request, str(missing), status=404)

    return answer


@require_http_methods(["GET", "HEAD", "POST"])
def home(request: HttpRequest) -> HttpResponse:
    """Show the form; on POST store the file and enqueue its import, both or neither."""
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if form.is_bound and form.is_valid():
        return _to_progress(_import(form.cleaned_data["file"]))
    context = {
        "form": form,
        "columns": list(COLUMNS),
        "max_bytes": MAX_BYTES,
        "orders": Order.objects.count(),
        "samples": SAMPLES if may_run_samples(request) else (),
        "login": login_address(request.path),
        "dashboard": dashboard_address(),
    }
    return render(request, "demo/home.html", context)


@require_GET
def example_file(request: HttpRequest) -> FileResponse:
    """Send the shipped CSV: something to upload."""
    return FileResponse(ORDERS_CSV.open("rb"), as_attachment=True, filename=ORDERS_CSV.name)


@require_POST
@says_what_is_missing
def run(request: HttpRequest, slug: str) -> HttpResponse:
    """Enqueue one sample task."""
    if not may_run_samples(request):
        return _problem(request, "Only staff may run the samples here.", status=403)
    if slug not in BY_SLUG:
        raise Http404(f"There is no sample called “{slug}”.")
    sample = BY_SLUG[slug]
    return _to_progress(Ticket(sample.enqueue().id, sample.title))


@never_cache
@require_GET
@says_what_is_missing
def progress(request: HttpRequest, token: str) -> HttpResponse:
    """Show how far a task is; without JavaScript the page loads itself again until it is over."""
    ticket = _ticket(token)
    result = _result(ticket)
    answer = answer_of(result)
    files = list(enumerate(_files(result)))
    context = {
        "title": ticket.title,
        "token": token,
        "progress": describe(result, ticket.title),
        "result": result,
        "has_component": apps.is_installed("dashboard"),
        "summary": sum_up(answer),
        "rejected": answer.get("rejected", []),
        "unlisted": answer.get("rejected_count", 0) - len(answer.get("rejected", [])),
        "downloads": [(n, name) for n, name in files if not is_picture(name)],
        "pictures": [(n, name) for n, name in files if is_picture(name)],
        "dashboard": dashboard_address(),
    }
    return render(request, "demo/progress.html", context)


@never_cache
@require_GET
@says_what_is_missing
def progress_json(request: HttpRequest, token: str) -> HttpResponse:
    """Answer what the page shows, for the script that keeps it fresh."""
    ticket = _ticket(token)
    shown = describe(_result(ticket), ticket.title)
    return JsonResponse({**asdict(shown), "percent": shown.percent})


@require_GET
@says_what_is_missing
def result_file(request: HttpRequest, token: str, index: int) -> FileResponse:
    """Send one of the files that a task made, to whom may look at the task."""
    names = _files(_result(_ticket(token)))
    path = file_in_media(names[index]) if index < len(names) else None
    if path is None:
        raise Http404("This file is gone.")
    return FileResponse(
        path.open("rb"), as_attachment=not is_picture(path.name), filename=path.name
    )


def is_picture(name: str) -> bool:
    """Tell whether the page shows a file; all others are offered for download."""
    return name.endswith((".jpg", ".png"))


def may_run_samples(request: HttpRequest) -> bool:
    """Tell whether this visitor gets the buttons: anybody while DEBUG is on, else staff."""
    return settings.DEBUG or bool(getattr(request, "user", None) and request.user.is_staff)


def _import(file: "File[bytes]") -> Ticket:
    """Store the file and enqueue its import in one transaction: both, or neither."""
    with transaction.atomic():
        upload = Upload.objects.create(name=file.name or "orders.csv", file=file)
        result = import_csv.enqueue(upload.pk, pause=PAUSE_S)
    return Ticket(result.id, "import")


def _problem(request: HttpRequest, problem: str, *, status: int) -> HttpResponse:
    return render(request, "demo/problem.html", {"problem": problem}, status=status)


def _to_progress(ticket: Ticket) -> HttpResponse:
    return redirect("demo:progress", token=tokens.sign(ticket))


def _ticket(token: str) -> Ticket:
    ticket = tokens.read(token)
    if ticket is None:
        raise Http404("This link is not valid, or older than a week.")
    return ticket


def _result(ticket: Ticket) -> Any:
    try:
        return get_result(ticket.task_id)
    except TaskResultDoesNotExist:
        raise Http404("This is not kept any more.") from None


def _files(result: Any) -> list[str]:
    """Return the names below MEDIA_ROOT/demo that a task's answer lists under `files`."""
    return [str(name) for name in answer_of(result).get("files", ())]
