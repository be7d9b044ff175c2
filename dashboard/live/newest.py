"""Newest: the ids at the top of a list, from which each tab counts those that are new to it."""

from __future__ import annotations

from django.http import QueryDict
from django.utils import timezone

from dashboard.filters import Filters
from dashboard.live.topics import Newest
from dashboard.narrowing import first_id, key, narrow, refused, window
from dashboard.permissions import Permission
from taskhub import monitor

MOST = 100  # one more than is counted
WINDOW = 2000


def newest_of(topic: Newest) -> dict[str, list[int]]:
    """Return the newest ids of a list, of the last WINDOW where no index leads to them."""
    filters = Filters.of(QueryDict(topic.query).dict())
    if refused(filters, with_payloads=topic.audience.may(Permission.VIEW_PAYLOADS)):
        return {"": []}
    now = timezone.now()
    tasks = narrow(monitor.tasks(), filters, now, first_id(filters, now))
    if window(filters):
        newest = monitor.tasks().order_by("-id").values_list("pk", flat=True).first() or 0
        tasks = tasks.filter(pk__gt=newest - WINDOW)
    newest_first = tasks.order_by(f"-{key(filters)}")
    return {"": list(newest_first.values_list("pk", flat=True)[:MOST])}


def count_of(ids: list[int], first: int) -> int:
    """Count those that came after the task `first`; MOST means "or more"."""
    return sum(one > first for one in ids)
