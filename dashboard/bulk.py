"""Bulk: mass actions as operators meet them: what is asked, how far it is, and who goes on with it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connections
from django.db.utils import Error
from django.http import Http404
from django.utils.translation import gettext

from dashboard import words
from dashboard.permissions import Permission
from taskhub.engines import queue_alias
from taskhub.models import BulkAction, BulkState, BulkVerb
from taskhub.queue import bulk

logger = logging.getLogger("taskhub.dashboard")

AT_ONCE = 0.8  # seconds that the request itself works, before a thread goes on
STALE = timedelta(seconds=15)  # without a batch: whoever worked on it is gone
RECENT = timedelta(minutes=20)
_GOING = (BulkState.RUNNING, BulkState.UNDOING)
PERMISSIONS = {
    BulkVerb.RETRY: Permission.RETRY_TASK,
    BulkVerb.CANCEL: Permission.CANCEL_TASK,
    BulkVerb.PURGE: Permission.PURGE_QUEUE,
}
LOOKS = {BulkVerb.RETRY: "retrying", BulkVerb.CANCEL: "cancelled", BulkVerb.PURGE: "trash"}


@dataclass(frozen=True, slots=True)
class Part:
    """A line of the breakdown; `share` of the largest, in units of the drawing (0 to 112)."""

    state: str
    name: str
    queue: str
    count: int
    share: float


def one_action(action_id: int) -> BulkAction:
    """Return a mass action.

    Raises:
        Http404: there is none of this id.
    """
    row = BulkAction.objects.using(queue_alias()).filter(pk=action_id).first()
    if row is None:
        raise Http404(
            gettext(
                "No mass action has the id %(id)s. Previews that nobody confirms are kept for a day."
            )
            % {"id": action_id}
        )
    return row


def parts(action: BulkAction) -> list[Part]:
    """Return the breakdown, largest first."""
    rows = [row for row in action.breakdown if isinstance(row, Sequence) and len(row) == 4]
    most = max((row[3] for row in rows), default=1)
    return [
        Part(state, name, queue, count, round(max(112 * count / most, 2.0), 1))
        for state, name, queue, count in rows
    ]


def fraction(action: BulkAction) -> float:
    """Return how far it is, 0…1."""
    if action.state == BulkState.UNDOING:
        return min(1.0, action.restored / action.changed) if action.changed else 1.0
    return action.done / action.pinned if action.pinned else 1.0


def is_going(action: BulkAction) -> bool:
    return action.state in _GOING


def is_stale(action: BulkAction, now: datetime) -> bool:
    """It should go on, and nobody works on it."""
    return is_going(action) and now - action.moved_at > STALE


def can_undo(action: BulkAction, now: datetime) -> bool:
    is_over = action.state in (BulkState.DONE, BulkState.STOPPED)
    is_purge = action.verb == BulkVerb.PURGE
    return is_over and is_purge and action.undo_until is not None and action.undo_until > now


def span(action: BulkAction) -> float:
    """Return the seconds between the enqueue of its oldest task and of its newest."""
    return (
        words.between(action.oldest_at, action.newest_at)
        if action.oldest_at and action.newest_at
        else 0.0
    )


def recent(now: datetime) -> list[BulkAction]:
    """Return the actions that go on, and those that can be undone."""
    rows = BulkAction.objects.using(queue_alias()).exclude(state=BulkState.PREVIEW)
    newest = rows.filter(moved_at__gt=now - RECENT).order_by("-id")[:10]
    return [action for action in newest if is_going(action) or can_undo(action, now)]


def go_on(action_id: int, seconds: float = AT_ONCE) -> BulkAction:
    """Work on an action for a while; where that does not do, a thread of this process goes on."""
    until = time.monotonic() + seconds
    action = bulk.run_batch(action_id)
    while is_going(action) and time.monotonic() < until:
        action = bulk.run_batch(action_id)
    if is_going(action):
        threading.Thread(
            target=_work, args=(action_id,), name=f"taskhub-bulk-{action_id}", daemon=True
        ).start()
    return action


def _work(action_id: int) -> None:
    """Work until it is over; an error leaves it to whoever presses the button of its page."""
    try:
        while is_going(bulk.run_batch(action_id)):
            pass
    except Error as error:
        logger.warning("The mass action %d stands still: %s", action_id, str(error).strip())
    finally:
        connections.close_all()
