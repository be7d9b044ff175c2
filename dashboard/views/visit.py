"""Visit: one task for whom the site has given a token; no login. The websocket has the same address."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_safe

from dashboard.live.closing import Refusal
from dashboard.live.messages import Watch
from dashboard.policy import protect
from dashboard.views.live import answer, refuse
from dashboard.visits.tokens import visit_of

HEADER = "X-Taskhub-Token"  # not in the address, which ends up in logs


@require_safe
def visit(request: HttpRequest) -> HttpResponseBase:
    return protect(_answer(request))


def _answer(request: HttpRequest) -> HttpResponse:
    try:
        grant = visit_of(request.headers.get(HEADER, ""))
        return answer(Watch(), frozenset([grant.topic]))
    except Refusal as refusal:
        return refuse(refusal)
