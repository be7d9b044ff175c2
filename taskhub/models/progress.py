"""Progress: how far a running task says it is."""

from django.db import models
from django.db.models import Q

from taskhub.models.task import Task


class Progress(models.Model):
    """The last progress that a task reported, updated in place; kept when the task ends."""

    task = models.OneToOneField(
        Task, primary_key=True, on_delete=models.CASCADE, db_constraint=False
    )
    fraction = models.FloatField(default=0.0)
    message = models.CharField(max_length=500, default="", blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "progress"
        constraints = [
            models.CheckConstraint(
                name="taskhub_progress_range", condition=Q(fraction__gte=0, fraction__lte=1)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.fraction:.0%} of task #{self.task_id}"
