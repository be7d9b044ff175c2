"""Queue: what operators have set for a queue; a queue without a row runs with the defaults."""

from django.db import models


class Queue(models.Model):
    """A queue that somebody has paused or limited, or that a worker or a task has named."""

    name = models.CharField(max_length=100, primary_key=True)
    is_paused = models.BooleanField(default=False)
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_until = models.DateTimeField(
        null=True, blank=True, help_text="When workers resume it by themselves; empty: never."
    )
    pause_reason = models.CharField(max_length=500, default="", blank=True)
    max_size = models.PositiveIntegerField(
        null=True, blank=True, help_text="More waiting tasks than these are refused: QueueFull."
    )
    rate = models.CharField(
        max_length=20, default="", blank=True, help_text="How many may start: 100/m, 5/s, 1000/h."
    )

    class Meta:
        verbose_name = "queue"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
