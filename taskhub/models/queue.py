"""Queue: what operators have set for a queue; a queue without a row runs with the defaults."""

from django.db import models


class Queue(models.Model):
    """A queue that somebody has paused or limited, or that a worker or a task has named."""

    name = models.CharField(max_length=100, primary_key=True)
    is_paused = models.BooleanField(default=False)
    paused_at = models.DateTimeField(null=True, blank=True)
    pause_reason = models.CharField(max_length=500, default="", blank=True)

    class Meta:
        verbose_name = "queue"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
