"""MetricBucket: how many attempts ended in a span of time, and how long they waited and ran."""

from django.db import models


class MetricBucket(models.Model):
    """Attempts of one queue, task and outcome that ended within `seconds` from `start_at`.

    Each writer has rows of its own, which it overwrites with its own counts: nobody waits for anybody, and writing
    twice counts once. Maintenance adds what is over up into rows of writer 0, and minutes into hours and days.
    `waits` and `runs` are histograms: counts by the number of a log-spaced bucket (`taskhub.metrics`).
    """

    seconds = models.PositiveIntegerField(help_text="60, 3600 or 86400.")
    start_at = models.DateTimeField()
    queue = models.CharField(max_length=100)
    name = models.CharField(max_length=200)
    outcome = models.CharField(max_length=11)
    writer = models.BigIntegerField(default=0)
    count = models.BigIntegerField(default=0)
    wait_seconds = models.FloatField(default=0.0, help_text="Sum of the waits.")
    run_seconds = models.FloatField(default=0.0, help_text="Sum of the durations.")
    waits = models.JSONField(default=dict)
    runs = models.JSONField(default=dict)

    class Meta:
        verbose_name = "metric bucket"
        constraints = [
            models.UniqueConstraint(
                fields=["seconds", "start_at", "queue", "name", "outcome", "writer"],
                name="taskhub_metricbucket_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} × {self.name} {self.outcome} from {self.start_at:%Y-%m-%d %H:%M}"
