"""TaskTag: the tags of a task, one row each, so that a tag finds its tasks."""

from django.db import models

from taskhub.models.task import Task


class TaskTag(models.Model):
    """One tag of one task."""

    task = models.ForeignKey(
        Task, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="tags"
    )
    name = models.CharField(max_length=100)

    class Meta:
        verbose_name = "tag"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["task", "name"], name="taskhub_tasktag_once")
        ]
        indexes = [
            models.Index(fields=["name", "task"], name="taskhub_tasktag_name")
        ]  # cancel by tag, newest first

    def __str__(self) -> str:
        return self.name
