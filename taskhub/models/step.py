"""Step: a named part of a task that was done and is not done again."""

from django.db import models

from taskhub.models.task import Task


class Step(models.Model):
    """What `context.step(name, fn)` returned; later attempts get it instead of calling fn."""

    task = models.ForeignKey(
        Task, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="steps"
    )
    name = models.CharField(max_length=100)
    value = models.JSONField(null=True)
    attempt = models.PositiveIntegerField(help_text="The attempt that did it.")
    finished_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["task", "name"], name="taskhub_step_once")]

    def __str__(self) -> str:
        return f"step {self.name} of task #{self.task_id}"
