"""Actions: what the audit log says that people did, as its filter offers it, with the word for each."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

# Those of the dashboard, then those that only the admin has. Code of a site may write others.
ACTIONS: Mapping[str, str | Promise] = {
    "cancel": pgettext_lazy("action in the audit log", "cancel"),
    "retry": pgettext_lazy("action in the audit log", "retry"),
    "purge": pgettext_lazy("action in the audit log", "purge"),
    "undo": pgettext_lazy("action in the audit log", "undo"),
    "go on": pgettext_lazy("action in the audit log", "go on"),
    "pause": pgettext_lazy("action in the audit log", "pause"),
    "resume": pgettext_lazy("action in the audit log", "resume"),
    "quiet": pgettext_lazy("action in the audit log", "quiet"),
    "wake": pgettext_lazy("action in the audit log", "wake"),
    "stop": pgettext_lazy("action in the audit log", "stop"),
    "enable schedule": pgettext_lazy("action in the audit log", "enable schedule"),
    "disable schedule": pgettext_lazy("action in the audit log", "disable schedule"),
    "run schedule": pgettext_lazy("action in the audit log", "run schedule"),
    "add schedule": pgettext_lazy("action in the audit log", "add schedule"),
    "change schedule": pgettext_lazy("action in the audit log", "change schedule"),
    "duplicate schedule": pgettext_lazy("action in the audit log", "duplicate schedule"),
    "remove schedule": pgettext_lazy("action in the audit log", "remove schedule"),
}


def word(action: str) -> str:
    """Return the word for an action as the audit log has it; what code has written there stays as it is."""
    return str(ACTIONS.get(action, action))
