"""Worker: a `runworker` process and its children, with their heartbeat."""

from django.db import models
from django.db.models import Q


class WorkerKind(models.TextChoices):
    """What a process does: the whole worker, or one kind of child."""

    WORKER = "worker"
    EXECUTOR = "executor"


class Worker(models.Model):
    """One process. A child names its worker in `parent`; tasks are held by children.

    `heartbeat_at` is the database's clock, written by the maintenance child for those that give a sign of life.
    `stopped_at` is set when the process has left or was found dead.
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
