"""Live: what a socket would tell, for browsers that cannot open one. The websocket has the same address."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict

from dashboard.access import operators_only
from dashboard.live.asking import topics_of
from dashboard.live.closing import Close, Refusal
from dashboard.live.frames import frame
from dashboard.live.look import Look
from dashboard.live.messages import Watch, watch_of
from dashboard.live.topics import Audience, Topic

STATUS = {Close.MALFORMED: 400, Close.FORBIDDEN: 403, Close.UNKNOWN: 404}


@operators_only()
def live(request: HttpRequest) -> HttpResponse:
    audience = Audience.of(request.user, request.META.get("SCRIPT_NAME", ""))
    try:
        watch = _asked(request.GET)
        return answer(watch, topics_of(watch, audience))
    except Refusal as refusal:
        return refuse(refusal)


def answer(watch: Watch, topics: frozenset[Topic]) -> HttpResponse:
    """Read these topics now, and answer with all of them."""
    found = Look().at(dict.fromkeys(topics, False), has_changed=True)
    if any(parts is None for parts in found.values()):
        raise Refusal(Close.UNKNOWN, "There is no such page, or it is not a live one.")
    parts = [
        (topic, name, content)
        for topic, some in found.items()
        for name, content in (some or {}).items()
    ]
    return JsonResponse({"type": "news", **frame(parts, first=watch.first)})


def refuse(refusal: Refusal) -> HttpResponse:
    status = STATUS.get(refusal.code, 403)
    return JsonResponse({"code": refusal.code, "reason": refusal.reason}, status=status)


def _asked(query: QueryDict) -> Watch:
    """Read the same words as a socket's `watch`, from a query."""
    said: dict[str, Any] = {key: query[key] for key in ("page", "list") if key in query}
    try:
        said["first"] = int(query.get("first", "0"))
        said["rows"] = [int(one) for one in query.get("rows", "").split(",") if one]
    except ValueError:
        raise Refusal(Close.MALFORMED, "Ids are whole numbers.") from None
    return watch_of(said)
