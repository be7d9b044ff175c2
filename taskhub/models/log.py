"""LogLine: what an attempt said."""

from django.db import models

from taskhub.models.task import Task


class LogLine(models.Model):
    """One line of the log of one attempt. `number` counts the lines of the attempt from 1, lost ones included."""

    task = models.ForeignKey(
        Task, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="log"
    )
    claim_no = models.PositiveIntegerField()
    number = models.PositiveIntegerField()
    attempt = models.PositiveIntegerField()
    at = models.DateTimeField()
    level = models.PositiveSmallIntegerField(help_text="As in the logging module: 20 is INFO.")
    logger = models.CharField(max_length=100, default="", blank=True)
    message = models.TextField()

    class Meta:
        verbose_name = "log line"
        ordering = ["task_id", "claim_no", "number"]
        constraints = [
            # Read by task, in order; and a line that is written again after a lost connection is there once.
            models.UniqueConstraint(
                fields=["task", "claim_no", "number"], name="taskhub_logline_once"
            ),
        ]

    def __str__(self) -> str:
        return self.message
