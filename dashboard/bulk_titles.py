"""Titles of mass actions: what is asked, is being done or was done, to how many tasks."""

from __future__ import annotations

from django.utils.translation import gettext, ngettext

from dashboard import words
from taskhub.models import BulkAction, BulkState, BulkVerb


def title(action: BulkAction) -> str:
    """Say what it is, in the words of its state."""
    match action.state:
        case BulkState.PREVIEW:
            return _said(_asked(action), action.pinned)
        case BulkState.RUNNING:
            return _said(_doing(action), action.pinned)
        case BulkState.UNDOING:
            back = gettext("Bringing %(n)s tasks back")
            return back % {"n": words.count(action.changed)}
        case BulkState.UNDONE:
            said = ngettext("Brought %(n)s task back", "Brought %(n)s tasks back", action.restored)
            return said % {"n": words.count(action.restored)}
        case BulkState.STOPPED:
            return _stopped(action) % {
                "n": words.count(action.changed), "all": words.count(action.pinned),
            }  # fmt: skip
    return _done(action) % {"n": words.count(action.changed)}


def _said(text: str, number: int) -> str:
    return text % {"n": words.count(number)}


def _asked(action: BulkAction) -> str:
    n = action.pinned
    match BulkVerb(action.verb):
        case BulkVerb.RETRY:
            return ngettext("Retry %(n)s task?", "Retry %(n)s tasks?", n)
        case BulkVerb.CANCEL:
            return ngettext("Cancel %(n)s task?", "Cancel %(n)s tasks?", n)
    return ngettext("Cancel %(n)s waiting task?", "Cancel %(n)s waiting tasks?", n)


def _doing(action: BulkAction) -> str:
    n = action.pinned
    match BulkVerb(action.verb):
        case BulkVerb.RETRY:
            return ngettext("Retrying %(n)s task", "Retrying %(n)s tasks", n)
        case BulkVerb.CANCEL:
            return ngettext("Cancelling %(n)s task", "Cancelling %(n)s tasks", n)
    return ngettext("Purging %(n)s task", "Purging %(n)s tasks", n)


def _done(action: BulkAction) -> str:
    n = action.changed
    match BulkVerb(action.verb):
        case BulkVerb.RETRY:
            return ngettext("Retried %(n)s task", "Retried %(n)s tasks", n)
        case BulkVerb.CANCEL:
            return ngettext("Cancelled %(n)s task", "Cancelled %(n)s tasks", n)
    return ngettext("Purged %(n)s task", "Purged %(n)s tasks", n)


def _stopped(action: BulkAction) -> str:
    n = action.pinned
    match BulkVerb(action.verb):
        case BulkVerb.RETRY:
            return ngettext(
                "Stopped: retried %(n)s of %(all)s task",
                "Stopped: retried %(n)s of %(all)s tasks",
                n,
            )
        case BulkVerb.CANCEL:
            return ngettext(
                "Stopped: cancelled %(n)s of %(all)s task",
                "Stopped: cancelled %(n)s of %(all)s tasks",
                n,
            )
    return ngettext(
        "Stopped: purged %(n)s of %(all)s task", "Stopped: purged %(n)s of %(all)s tasks", n
    )
