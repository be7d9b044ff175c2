"""Worker: a `runworker` process and its children, with their heartbeat."""

from django.db import models
from django.db.models import Q


class WorkerKind(models.TextChoices):
    """What a process does: the whole worker, or one kind of child."""

    WORKER = "worker"
    EXECUTOR = "executor"  # one task at a time, in its main thread
    THREADS = "threads"
    ASYNC = "async"


class WorkerOrder(models.TextChoices):
    """What an operator has told a worker to do."""

    WORK = ""
    QUIET = "quiet"  # claim nothing more until told to work again
    STOP = "stop"  # end, as after SIGTERM


class Worker(models.Model):
    """One process. A child names its worker in `parent`; tasks are held by children.

    `heartbeat_at` is the database's clock, written by the maintenance child for those that give a sign of life.
    `stopped_at` is set when the process has left or was found dead. The statistics come with the heartbeat; those of a
    worker are the sums over all children that it has had. `order` is the operator's; the worker reads it with each
    heartbeat, and when it is woken.
    """

    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="children")
    kind = models.CharField(max_length=8, choices=WorkerKind.choices)
    name = models.CharField(max_length=200)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    queues = models.JSONField(
        default=list, help_text="Pairs of queue and weight; empty: every queue."
    )
    tasks = models.JSONField(default=list, help_text="Names of the tasks that it knows.")
    slots = models.PositiveIntegerField(default=0)
    version = models.CharField(max_length=100, default="", blank=True)
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True)
    is_lost = models.BooleanField(default=False)
    order = models.CharField(
        max_length=5, choices=WorkerOrder.choices, default=WorkerOrder.WORK, blank=True
    )
    ordered_at = models.DateTimeField(null=True)

    busy = models.PositiveIntegerField(default=0, help_text="Slots that run a task.")
    processed = models.BigIntegerField(default=0, help_text="Attempts that ended here.")
    succeeded = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    retried = models.BigIntegerField(default=0)
    run_seconds = models.FloatField(default=0.0, help_text="Sum over all attempts.")
    longest_seconds = models.FloatField(default=0.0, help_text="The longest attempt.")
    rss_bytes = models.BigIntegerField(default=0)
    cpu_seconds = models.FloatField(default=0.0)

    class Meta:
        verbose_name = "worker"
        ordering = ["id"]
        indexes = [
            # Rescue: those alive, by their last sign of life.
            models.Index(
                fields=["heartbeat_at"],
                name="taskhub_worker_alive",
                condition=Q(stopped_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def queue_names(self) -> set[str]:
        """The queues that it takes tasks from; none means every queue."""
        return {
            str(pair[0]) if isinstance(pair, list | tuple) and pair else str(pair)
            for pair in self.queues
        }

    @property
    def idle(self) -> int:
        """Slots that run nothing."""
        return max(0, self.slots - self.busy)

    @property
    def average_seconds(self) -> float:
        """The average duration of an attempt."""
        return self.run_seconds / self.processed if self.processed else 0.0
