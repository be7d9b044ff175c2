"""Audit: who did what, to how many, why, with what result. The entry is there before the action."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.utils import timezone

from taskhub.engines import queue_alias
from taskhub.models import AuditEntry
from taskhub.text import storable


def begin(
    user: AbstractBaseUser | AnonymousUser, action: str, target: str, reason: str = ""
) -> AuditEntry:
    """Write that a person is about to act; an entry that stays at 0 changed nothing."""
    return AuditEntry.objects.using(queue_alias()).create(
        at=timezone.now(),
        user_id=storable(str(user.pk))[:100],
        user_name=storable(user.get_username())[:200],
        action=action,
        target=storable(target)[:300],
        reason=reason,
    )


def settle(entry: AuditEntry, count: int, result: str = "done") -> None:
    """Write how many were changed, and what came of it."""
    entry.count, entry.result = count, storable(result)[:300]
    entry.save(update_fields=["count", "result"])


def refuse(entry: AuditEntry, result: str) -> None:
    """Write why nothing was changed."""
    settle(entry, 0, result)
