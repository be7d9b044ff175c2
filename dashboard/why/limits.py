"""Limits: a slot of its key, a token of its own rate or of its queue's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext

from dashboard import words
from dashboard.why.check import NAMED, Check
from taskhub import monitor
from taskhub.engines import queue_alias
from taskhub.models import Queue, RateBucket, Slot, Task
from taskhub.queue.buckets import seconds_to_token
from taskhub.queue.quota import queue_key
from taskhub.states import TaskState, WaitsFor


def slot(task: Task) -> Iterator[Check]:
    """Tell of its concurrency key, where it has one."""
    key = task.concurrency_key
    if key is None:
        return
    slot = Slot.objects.using(queue_alias()).filter(key=key).first()
    in_use = gettext("%(key)s: %(n)s of %(all)s in use")
    used = in_use % {"key": key, "n": slot.used, "all": slot.limit} if slot is not None else key
    if task.waits_for != WaitsFor.SLOT:
        yield Check(gettext("Its concurrency key has room"), used)
        return
    holders = monitor.tasks().filter(
        concurrency_key=key, state__in=[TaskState.QUEUED, TaskState.RUNNING]
    )
    yield Check(
        gettext("Its concurrency key is full"), gettext("%(used)s, held by") % {"used": used}, True,
        gettext("its concurrency key is full"), "retrying", "limit",
        tasks=list(holders.order_by("started_at").only("id", "name", "state")[:NAMED]),
    )  # fmt: skip


def rate(task: Task, queue: Queue | None, now: datetime) -> Iterator[Check]:
    """Tell of its own rate where that holds it, and of its queue's where that has one."""
    for_task = _bucket(task.waits_key) if task.waits_for == WaitsFor.RATE else None
    if task.waits_for == WaitsFor.RATE:
        answer = (
            _tokens(for_task, now)
            if for_task is not None
            else gettext("its bucket is made anew in a moment")
        )
        yield Check(
            gettext("Its rate is used up"), answer, True, gettext("its rate is used up"), "retrying", "limit"
        )  # fmt: skip
    if queue is None or not queue.rate:
        return
    of_queue = _bucket(queue_key(task.queue))
    seconds = seconds_to_token(of_queue, now) if of_queue is not None else 0.0
    if seconds > 0 and of_queue is not None and task.state == TaskState.QUEUED:
        yield Check(
            gettext("The queue's rate is used up"), f"{queue.rate}: {_tokens(of_queue, now)}", True,
            gettext("its queue may start %(rate)s only") % {"rate": queue.rate}, "retrying", "limit",
        )  # fmt: skip
    else:
        at_most = gettext("at most %(rate)s") % {"rate": queue.rate}
        yield Check(gettext("The queue's rate has room"), at_most)


def _bucket(key: str | None) -> RateBucket | None:
    return RateBucket.objects.using(queue_alias()).filter(key=key).first() if key else None


def _tokens(bucket: RateBucket, now: datetime) -> str:
    next_at = words.duration(seconds_to_token(bucket, now))
    said = gettext("%(n)s in %(time)s; the next may start in %(wait)s")
    return said % {"n": bucket.capacity, "time": words.duration(bucket.per), "wait": next_at}
