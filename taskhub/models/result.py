"""Result: one row per attempt that ended."""

from django.db import models
from django.db.models import Q

from taskhub.models.task import Task


class Outcome(models.TextChoices):
    """How an attempt ended. Those of SPENT count as an attempt of the task."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RETRYING = "retrying"
    CANCELLED = "cancelled"
    LOST = "lost"  # its worker died
    INTERRUPTED = "interrupted"  # something else ended its process
    SNOOZED = "snoozed"
    RELEASED = "released"  # given back by a worker that shut down


SPENT = [
    Outcome.SUCCEEDED,
    Outcome.FAILED,
    Outcome.RETRYING,
    Outcome.CANCELLED,
    Outcome.LOST,
    Outcome.INTERRUPTED,
]


class Result(models.Model):
    """What came of one attempt: its value or its error, and where and when it ran.

    At most one row per claim of a task (`claim_no`); times are those of the worker's clock.
    """

    task = models.ForeignKey(
        Task, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="results"
    )
    claim_no = models.PositiveIntegerField()
    attempt = models.PositiveIntegerField()
    outcome = models.CharField(max_length=11, choices=Outcome.choices)
    value = models.JSONField(null=True)
    error_class = models.CharField(max_length=255, default="", blank=True)
    message = models.TextField(default="", blank=True)
    traceback = models.TextField(default="", blank=True)
    fingerprint = models.CharField(
        max_length=16, default="", blank=True, help_text="Equal for errors of one origin."
    )
    worker = models.ForeignKey(
        "taskhub.Worker",
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    worker_name = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()

    class Meta:
        verbose_name = "result"
        ordering = ["task_id", "claim_no"]
        indexes = [
            # Errors by their origin: how many, the first, the last. Attempts that succeed are in neither of these two.
            models.Index(
                fields=["fingerprint", "finished_at"],
                name="taskhub_result_group",
                condition=Q(fingerprint__gt=""),
            ),
            # The newest errors, whatever their origin: the dashboard groups as many of them as it reads.
            models.Index(
                fields=["finished_at", "fingerprint"],
                name="taskhub_result_error",
                condition=Q(fingerprint__gt=""),
            ),
        ]
        constraints = [
            # The second lock on the door of "recorded once", and the index by which a task finds its results.
            models.UniqueConstraint(fields=["task", "claim_no"], name="taskhub_result_once"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.attempt} of task #{self.task_id}: {self.outcome}"
