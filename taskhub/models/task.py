"""Task: the hot row. It is narrow and written three times in its life: enqueue, claim, finish."""

from datetime import datetime
from typing import Any

from django.core.checks import CheckMessage
from django.db import models
from django.db.models import F, Q

from taskhub.states import FINISHED, TaskState, WaitsFor

_FINISHED = sorted(FINISHED)


class Task(models.Model):
    """One enqueued call of a registered function. Only `taskhub.queue` writes its state.

    `claim_no` is the fence: each claim increments it, it is never reset, and each later write of the claimant names it.
    `attempt` is what users see; `failures`, `losses` and `interruptions` are counted against limits of their own.
    """

    name = models.CharField(max_length=200)
    queue = models.CharField(max_length=100)
    priority = models.SmallIntegerField(default=0)
    state = models.CharField(max_length=9, choices=[(s.value, s.value) for s in TaskState])
    waits_for = models.CharField(
        max_length=5, default="", blank=True, choices=[(w.value, w.value) for w in WaitsFor]
    )
    args = models.JSONField(default=list)
    kwargs = models.JSONField(default=dict)
    options = models.JSONField(
        null=True, help_text="Options that differ from the task's definition."
    )
    masked = models.JSONField(null=True, help_text="Names of arguments that are never shown.")
    pool = models.CharField(max_length=7, default="", blank=True)

    run_after = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    enqueued_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    # Not the Positive ones, each of which costs every INSERT a check: what counts only rises.
    attempt = models.IntegerField(default=0)
    max_retries = models.SmallIntegerField(default=3)
    failures = models.IntegerField(default=0)
    losses = models.SmallIntegerField(default=0)
    interruptions = models.SmallIntegerField(default=0)
    claim_no = models.IntegerField(default=0)
    worker = models.ForeignKey(
        "taskhub.Worker",
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,  # checked on every claim otherwise
        db_index=False,  # the partial index below serves it
        related_name="+",
        help_text="The child process that holds the task while it runs.",
    )

    cancel_requested_at = models.DateTimeField(null=True)
    cancel_raised_at = models.DateTimeField(null=True)
    cancel_killed_at = models.DateTimeField(null=True)
    reason = models.CharField(
        max_length=500, default="", blank=True, help_text="Why it was cancelled, and by whom."
    )

    position = models.BigIntegerField(
        default=0, help_text="Its turn among tasks of one priority; 0 without fair_key."
    )
    unmet = models.PositiveIntegerField(default=0, help_text="Tasks that it still waits for.")
    unique_lock = models.CharField(  # noqa: DJ001  # NULLs do not collide
        max_length=255, null=True, help_text="The unique key while it is taken."
    )

    # Few tasks have what follows: the INSERT of those that have not names no column from here on.
    ties = models.SmallIntegerField(
        db_default=0, help_text="What ties it to other tasks: see states.Tie."
    )
    parent = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="children",
        help_text="The task that spawned it.",
    )
    workflow = models.ForeignKey(
        "taskhub.WorkflowRun",
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="tasks",
    )
    inputs = models.JSONField(null=True, help_text="How the values of its needs become arguments.")
    waits_key = models.CharField(  # noqa: DJ001
        max_length=210, null=True, help_text="The slot or rate that it waits for."
    )
    concurrency_key = models.CharField(max_length=200, null=True)  # noqa: DJ001
    fair_key = models.CharField(max_length=100, null=True)  # noqa: DJ001
    unique_key = models.CharField(  # noqa: DJ001
        max_length=255, null=True, help_text="The key that a retry must take again."
    )
    unique_until = models.DateTimeField(
        null=True, help_text="Until then the key stays taken, also when the task has ended."
    )

    class Meta:
        verbose_name = "task"
        ordering = ["-id"]
        indexes = [
            # Every claim walks this one: it holds exactly what can be claimed. (MySQL: see migration 0002.)
            models.Index(
                F("queue"),
                F("priority").desc(),
                F("position"),
                F("id"),
                name="taskhub_task_claim",
                condition=Q(state=TaskState.QUEUED),
            ),
            # Promotion: what becomes due next.
            models.Index(
                fields=["run_after"], name="taskhub_task_due", condition=Q(waits_for=WaitsFor.TIME)
            ),
            # Expiry: waiting tasks that have a deadline; empty on most sites.
            models.Index(
                fields=["expires_at"],
                name="taskhub_task_expiry",
                condition=Q(
                    expires_at__isnull=False, finished_at__isnull=True, worker__isnull=True
                ),
            ),
            # Rescue, heartbeat and cancel: what a child holds; as small as the number of slots.
            models.Index(
                fields=["worker"], name="taskhub_task_held", condition=Q(state=TaskState.RUNNING)
            ),
            # Pruning by state and age, and the lists of finished tasks, newest first. Written once, at the end.
            models.Index(
                fields=["state", "finished_at"],
                name="taskhub_task_finished",
                condition=Q(finished_at__isnull=False),
            ),
            # Who waits for a slot or a token, first come by claim order.
            models.Index(
                F("waits_key"),
                F("priority").desc(),
                F("position"),
                F("id"),
                name="taskhub_task_gate",
                condition=Q(waits_key__isnull=False),
            ),
            # The children of a task, and the tasks of a workflow.
            models.Index(
                fields=["parent"], name="taskhub_task_parent", condition=Q(parent__isnull=False)
            ),
            models.Index(
                fields=["workflow", "state"],
                name="taskhub_task_workflow",
                condition=Q(workflow__isnull=False),
            ),
            # The last turn of each tenant, among the queued tasks of a queue and among those before a gate.
            models.Index(
                fields=["fair_key", "queue", "priority", "waits_key", "position"],
                name="taskhub_task_fair",
                condition=Q(fair_key__isnull=False)
                & (Q(state=TaskState.QUEUED) | Q(waits_key__isnull=False)),
            ),
            # Who holds the slots of a concurrency key; as small as the sum of the limits.
            models.Index(
                fields=["concurrency_key"],
                name="taskhub_task_slot",
                condition=Q(
                    concurrency_key__isnull=False,
                    state__in=[TaskState.QUEUED, TaskState.RUNNING],
                ),
            ),
            # What a queue holds beside its queued tasks: for its size, and for lists of those that wait.
            models.Index(
                fields=["queue", "state"],
                name="taskhub_task_waiting",
                condition=Q(state__in=[TaskState.PENDING, TaskState.RETRYING]),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["unique_lock"],
                name="taskhub_task_unique_lock",
                condition=Q(unique_lock__isnull=False),
            ),
            models.CheckConstraint(
                name="taskhub_task_state", condition=Q(state__in=[s.value for s in TaskState])
            ),
            models.CheckConstraint(
                name="taskhub_task_priority", condition=Q(priority__gte=-100, priority__lte=100)
            ),
            models.CheckConstraint(
                name="taskhub_task_running",
                condition=Q(state=TaskState.RUNNING, worker__isnull=False, started_at__isnull=False)
                | (~Q(state=TaskState.RUNNING) & Q(worker__isnull=True)),
            ),
            models.CheckConstraint(
                name="taskhub_task_ended",
                condition=Q(state__in=_FINISHED, finished_at__isnull=False)
                | (~Q(state__in=_FINISHED) & Q(finished_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="taskhub_task_waits",
                condition=Q(
                    state=TaskState.PENDING, waits_for=WaitsFor.TIME, run_after__isnull=False
                )
                | Q(state=TaskState.PENDING, waits_for=WaitsFor.TASKS, unmet__gt=0)
                | Q(state=TaskState.RETRYING, waits_for=WaitsFor.TIME, run_after__isnull=False)
                | Q(
                    state__in=[TaskState.PENDING, TaskState.RETRYING],
                    waits_for__in=[WaitsFor.SLOT, WaitsFor.RATE],
                    waits_key__isnull=False,
                )
                | (
                    ~Q(state__in=[TaskState.PENDING, TaskState.RETRYING])
                    & Q(waits_for=WaitsFor.NOTHING)
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} #{self.pk}"

    @property
    def ready_at(self) -> datetime:
        """When it could, or can, first be claimed in its present life; as `Claim.ready_at`."""
        return max(self.enqueued_at, self.run_after or self.enqueued_at)

    @classmethod
    def check(cls, **kwargs: Any) -> list[CheckMessage]:
        """Drop Django's warnings of conditional indexes on MySQL: migration 0002 creates their counterpart there."""
        return [
            message
            for message in super().check(**kwargs)
            if message.id not in ("models.W036", "models.W037")
        ]
