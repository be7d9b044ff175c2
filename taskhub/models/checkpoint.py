"""Checkpoint: what a task wrote down so that its next attempt can go on from there."""

from django.db import models

from taskhub.models.task import Task


class Checkpoint(models.Model):
    """The last value that a task saved; it outlives retries and the death of workers, and goes with the task."""

    task = models.OneToOneField(
        Task, primary_key=True, on_delete=models.CASCADE, db_constraint=False
    )
    value = models.JSONField(null=True)
    attempt = models.PositiveIntegerField(help_text="The attempt that saved it.")
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name = "checkpoint"

    def __str__(self) -> str:
        return f"checkpoint of task #{self.task_id}"
