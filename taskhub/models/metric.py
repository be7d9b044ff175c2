"""Metrics: how many attempts ended in a span of time, how long they waited and ran, and what still waited."""

from django.db import models


class MetricBucket(models.Model):
    """Attempts of one queue, task and outcome that ended within `seconds` from `start_at`.

    Each writer, a child process, adds to rows of its own: nobody waits for anybody. Maintenance takes what is over out
    of them into the rows of writer 0, those of the minute, the hour and the day alike: each of the three tells
    the whole. `waits` and `runs` are histograms: counts by the number of a log-spaced bucket (`taskhub.metrics`).
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
        indexes = [
            # A writer's own rows, what is to be taken out of them, and what has been kept for long enough.
            models.Index(
                fields=["writer", "seconds", "start_at"], name="taskhub_metricbucket_writer"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["seconds", "start_at", "queue", "name", "outcome", "writer"],
                name="taskhub_metricbucket_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} × {self.name} {self.outcome} from {self.start_at:%Y-%m-%d %H:%M}"


class OldestWait(models.Model):
    """How long the task that had waited longest in a queue had waited when a worker looked, in one minute."""

    start_at = models.DateTimeField(help_text="When the minute began.")
    queue = models.CharField(max_length=100)
    seconds = models.FloatField()

    class Meta:
        verbose_name = "oldest wait"
        constraints = [
            models.UniqueConstraint(fields=["start_at", "queue"], name="taskhub_oldestwait_once"),
        ]

    def __str__(self) -> str:
        return f"{self.seconds:.0f} s in {self.queue} at {self.start_at:%Y-%m-%d %H:%M}"


class MetricWriter(models.Model):
    """The last write of a writer that reached its rows: one that was in doubt is not done twice.

    Its lock keeps the writer and the maintenance that takes its rows apart; that of writer 0, one maintenance and
    another.
    """

    writer = models.BigIntegerField(primary_key=True)
    last_write = models.UUIDField()
    written_at = models.DateTimeField()

    class Meta:
        verbose_name = "metric writer"

    def __str__(self) -> str:
        return f"writer {self.writer}"
