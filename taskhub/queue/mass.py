"""Mass: cancel and retry many tasks, chosen by their tag, their queue or other filters; or only count them.

Every `dry_run` counts what the same call would do at this moment, and changes nothing. The others work in batches of a
transaction each: what was done stays done where a later batch fails, and the same call goes on from there.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from taskhub.engines import get_engine
from taskhub.models import Task
from taskhub.queue.cancel import cancel_where as cancel_chosen
from taskhub.queue.choosing import choose
from taskhub.queue.retry import RETRYABLE
from taskhub.queue.retry import retry_where as retry_chosen
from taskhub.queue.transition import BATCH, tasks
from taskhub.states import LIVE, WAITING, TaskState

_LEFT_TO_ASK = Q(state__in=sorted(WAITING)) | Q(
    state=TaskState.RUNNING, cancel_requested_at__isnull=True
)


def cancel_where(reason: str = "", *, dry_run: bool = False, **filters: Any) -> int:
    """Cancel the live tasks that all `filters` fit; return how many were cancelled or asked to stop.

    See `choosing.choose` for the filters. Their children that have not started are cancelled too, and counted.

    Raises:
        InvalidFilter: nothing was changed.
    """
    chosen = choose(filters)
    return _count_cancelled(chosen) if dry_run else cancel_chosen(chosen, reason)


def cancel_by_tag(tag: str, reason: str = "", *, dry_run: bool = False) -> int:
    """Cancel all live tasks with this tag; see `cancel_where`."""
    return cancel_where(reason, dry_run=dry_run, tag=tag)


def cancel_by_queue(queue: str, reason: str = "", *, dry_run: bool = False) -> int:
    """Cancel all live tasks of this queue, those that run included (`purge` lets them go on); see `cancel_where`."""
    return cancel_where(reason, dry_run=dry_run, queue=queue)


def retry_where(*, dry_run: bool = False, **filters: Any) -> int:
    """Queue the failed, cancelled and expired tasks again that all `filters` fit; return how many.

    See `choosing.choose` for the filters, and `retry` for what becomes of each.

    Raises:
        InvalidFilter: nothing was changed.
    """
    chosen = choose(filters)
    if dry_run:
        return _count_retried(chosen)
    return retry_chosen(chosen)


def retry_by_tag(tag: str, *, dry_run: bool = False) -> int:
    """Queue the tasks with this tag again that ended without success; see `retry_where`."""
    return retry_where(dry_run=dry_run, tag=tag)


def retry_by_queue(queue: str, *, dry_run: bool = False) -> int:
    """Queue the tasks of this queue again that ended without success; see `retry_where`."""
    return retry_where(dry_run=dry_run, queue=queue)


def _count_retried(chosen: QuerySet[Task]) -> int:
    """Count those that ended without success; of those with one unique key one, and none whose key another has."""
    ended = chosen.filter(state__in=sorted(RETRYABLE)).order_by()
    holds = Q(state__in=sorted(LIVE)) | Q(unique_until__gt=get_engine().clock())
    others = tasks().filter(holds, unique_lock=OuterRef("unique_key")).exclude(pk=OuterRef("pk"))
    keyed = ended.filter(~Exists(others), unique_key__isnull=False)
    free = ended.filter(unique_key__isnull=True)
    return free.count() + keyed.values("unique_key").distinct().count()


def _count_cancelled(chosen: QuerySet[Task]) -> int:
    """Count the live ones, and their waiting children that were not chosen themselves, with theirs in turn."""
    live = chosen.filter(state__in=sorted(LIVE))
    touched = live.filter(_LEFT_TO_ASK)
    total, last = touched.count(), 0
    while True:
        part = touched.filter(id__gt=last).order_by("id").values_list("id", flat=True)
        ids = list(part[:BATCH])
        total += _count_children(ids, live) if ids else 0
        if len(ids) < BATCH:
            return total
        last = ids[-1]


def _count_children(parents: list[int], chosen: QuerySet[Task]) -> int:
    children = tasks().filter(parent_id__in=parents, state__in=sorted(WAITING))
    others = list(children.exclude(id__in=chosen.values("id")).values_list("id", flat=True))
    return len(others) + (_count_children(others, chosen) if others else 0)
