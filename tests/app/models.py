"""The table in which a test's tasks leave their traces."""

from django.db import models


class Ledger(models.Model):
    """One line per effect. Nothing is unique here: what happened twice must be seen twice."""

    task_id = models.BigIntegerField(db_index=True)
    note = models.CharField(max_length=200, default="")
    attempt = models.PositiveIntegerField(default=0)
    pid = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.task_id}: {self.note}"
