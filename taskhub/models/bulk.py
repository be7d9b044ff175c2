"""BulkAction: one verb for many tasks, pinned by their ids before anybody is asked."""

from django.db import models

from taskhub.models.hiding import names_payloads, without_payloads


class BulkVerb(models.TextChoices):
    """What is done with each of the tasks."""

    RETRY = "retry"
    CANCEL = "cancel"
    PURGE = "purge"  # cancel what waits, and nothing else


class BulkState(models.TextChoices):
    """Where a mass action stands."""

    PREVIEW = "preview"  # counted and pinned; nobody has said yes
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"  # by a person, before its last batch
    UNDOING = "undoing"
    UNDONE = "undone"


class BulkAction(models.Model):
    """A mass action. `pinned` tasks are in its batches; `done` of them have been looked at.

    `changed` may be more than those: with a task go the children that wait. `filters` is the search that chose them.
    """

    verb = models.CharField(max_length=6, choices=BulkVerb.choices)
    state = models.CharField(
        max_length=7, choices=BulkState.choices, default=BulkState.PREVIEW, db_index=True
    )
    filters = models.TextField(default="", blank=True)
    user_id = models.CharField(max_length=100)
    user_name = models.CharField(max_length=200)
    reason = models.CharField(max_length=500, default="", blank=True)
    created_at = models.DateTimeField()
    moved_at = models.DateTimeField(help_text="When its last batch was committed.")
    undo_until = models.DateTimeField(null=True)
    is_more = models.BooleanField(default=False, help_text="More matched than were pinned.")
    pinned = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    restored = models.PositiveIntegerField(default=0, help_text="By its undo.")
    breakdown = models.JSONField(
        default=list, help_text="State, name, queue and count, largest first."
    )
    queues = models.JSONField(default=list, help_text="All the queues that it touches.")
    oldest_at = models.DateTimeField(null=True)
    newest_at = models.DateTimeField(null=True)
    audit = models.ForeignKey(
        "taskhub.AuditEntry", null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        verbose_name = "mass action"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.verb} {self.pinned} tasks #{self.pk}"

    @property
    def mark(self) -> str:
        """What the reason of each task that it cancels begins with: by it an undo finds them."""
        return f"mass action {self.pk}"

    @property
    def is_by_payloads(self) -> bool:
        """Its tasks were chosen by their arguments or errors: who may not see those may not see which they are."""
        return self.verb != BulkVerb.PURGE and names_payloads(self.filters)

    @property
    def open_filters(self) -> str:
        """The search, as those may read it who may not see payloads."""
        return without_payloads(self.filters) if self.is_by_payloads else self.filters


class BulkBatch(models.Model):
    """Some of the ids of a mass action, which are changed in one transaction."""

    action = models.ForeignKey(BulkAction, on_delete=models.CASCADE, related_name="batches")
    number = models.PositiveIntegerField()
    ids = models.JSONField(default=list)
    is_done = models.BooleanField(default=False)
    is_undone = models.BooleanField(default=False)

    class Meta:
        verbose_name = "batch"
        verbose_name_plural = "batches"
        ordering = ["action", "number"]
        constraints = [
            models.UniqueConstraint(fields=["action", "number"], name="taskhub_bulkbatch_once")
        ]

    def __str__(self) -> str:
        return f"batch {self.number} of mass action #{self.action_id}"
