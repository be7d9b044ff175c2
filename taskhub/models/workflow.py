"""WorkflowRun: tasks that were enqueued together and wait for each other."""

from django.db import models


class WorkflowRun(models.Model):
    """One enqueued chain, group, chord or graph. How it stands follows from its tasks."""

    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=9, help_text="chain, group, chord, workflow or callbacks.")
    size = models.PositiveIntegerField(help_text="How many tasks it was enqueued with.")
    steps = models.JSONField(
        default=dict, blank=True, help_text="The ids of its tasks, by the names of their steps."
    )
    ends = models.JSONField(default=list, help_text="The ids of the tasks whose values it gives.")
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "workflow"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.name} #{self.pk}"
