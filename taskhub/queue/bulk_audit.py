"""Bulk audit: the entries of the audit log that tell of mass actions, kept true with each batch."""

from __future__ import annotations

from taskhub.engines import queue_alias
from taskhub.models import AuditEntry, BulkAction, BulkState
from taskhub.text import storable


def tell(action: BulkAction) -> None:
    """Write how far an action is, or its undo, to the entry that it has; in the transaction that changes it."""
    is_undo = action.state in (BulkState.UNDOING, BulkState.UNDONE)
    count = action.restored if is_undo else action.changed
    result = {
        BulkState.RUNNING: f"goes on: {action.done} of {action.pinned} looked at",
        BulkState.STOPPED: f"stopped after {action.done} of {action.pinned}",
        BulkState.UNDOING: f"goes on: {action.restored} of {action.changed} restored",
        BulkState.UNDONE: f"{action.restored} of {action.changed} restored",
    }.get(BulkState(action.state), f"{action.changed} of {action.pinned} changed")
    if action.audit_id is not None:
        rows = AuditEntry.objects.using(queue_alias()).filter(pk=action.audit_id)
        rows.update(count=count, result=result)


def hand_over(action: BulkAction, entry: AuditEntry) -> None:
    """Let `entry`, that of the undo, be told from now on; the one of the action says that there is an undo.

    The caller saves the action, in the same transaction.
    """
    if action.audit is not None:
        told = f"{action.audit.result}; its undo by {entry.user_name} has an entry of its own"
        rows = AuditEntry.objects.using(queue_alias()).filter(pk=action.audit.pk)
        rows.update(result=storable(told)[:300])
    action.audit = entry
