"""Schedule and ScheduleRun: what is enqueued by the clock, and what became of each of its times."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from taskhub.models.task import Task
from taskhub.policies import MOST_AT_ONCE, Misfire, Overlap, Policies
from taskhub.timing import LONGEST, Kind, Timing


class DisabledBy(models.TextChoices):
    """Who switched a schedule off: that decides what may switch it on again."""

    NOBODY = "", "nobody"
    PERSON = "person", "a person"
    CODE = "code", "the code, which does not declare it any more"
    ERROR = "error", "an error"
    MISSING = "missing", "that no worker has the code of its task"


class Schedule(models.Model):
    """A call of a task, and when it is due. Written by `taskhub.schedules`, which works out `next_due_at`.

    `options` are those of `.using()` that differ from the task's definition. Durations are seconds.
    """

    name = models.CharField(max_length=200, unique=True)
    task = models.CharField(max_length=200, help_text="The name of the task.")
    args = models.JSONField(default=list, blank=True, help_text="A JSON array.")
    kwargs = models.JSONField(default=dict, blank=True, help_text="A JSON object.")
    options = models.JSONField(
        default=dict, blank=True, help_text="Options of the task for these calls: a JSON object."
    )

    kind = models.CharField(max_length=8, choices=[(k.value, k.value) for k in Kind])
    every = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST)],
        help_text="Seconds of elapsed time from one run to the next.",
    )
    cron = models.CharField("cron expression", max_length=200, default="", blank=True)
    at = models.DateTimeField(null=True, blank=True, help_text="When it runs, once.")
    timezone = models.CharField(
        max_length=64, default="UTC", help_text="An IANA name, such as Europe/Berlin."
    )
    start_at = models.DateTimeField(null=True, blank=True, help_text="Nothing is due before.")
    end_at = models.DateTimeField(null=True, blank=True, help_text="Nothing is due after.")

    misfire = models.CharField(
        max_length=8,
        default=Misfire.RUN_ONCE,
        choices=[(m.value, m.value.replace("_", " ")) for m in Misfire],
        help_text="What becomes of times that nobody was there to keep.",
    )
    grace = models.PositiveIntegerField(
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(86_400)],
        help_text="Seconds after which a time counts as missed.",
    )
    catch_up_limit = models.PositiveIntegerField(
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_AT_ONCE)],
        help_text="How many missed times “catch up” makes up for, the newest.",
    )
    overlap = models.CharField(
        max_length=15,
        default=Overlap.ALLOW,
        choices=[(o.value, o.value.replace("_", " ")) for o in Overlap],
        help_text="What becomes of a time while the task of an earlier one has not ended.",
    )
    jitter = models.PositiveIntegerField(
        default=0,
        validators=[MaxValueValidator(86_400)],
        help_text="Each task starts up to so many seconds later, by chance.",
    )

    enabled = models.BooleanField(default=True)
    disabled_by = models.CharField(
        max_length=7, default="", blank=True, choices=DisabledBy.choices, editable=False
    )
    disabled_reason = models.CharField(max_length=500, default="", blank=True, editable=False)
    is_from_code = models.BooleanField(
        default=False, editable=False, help_text="Declared by @task(schedule=…)."
    )
    next_due_at = models.DateTimeField(null=True, editable=False)
    requested_at = models.DateTimeField(
        null=True, editable=False, help_text="Somebody without the task's code asked for a run."
    )
    open_tasks = models.JSONField(
        default=list, editable=False, help_text="Tasks of its last runs that may not have ended."
    )
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(editable=False)

    class Meta:
        verbose_name = "schedule"
        ordering = ["name"]
        indexes = [
            # What is due next; NULL where nothing is. (No condition: MySQL has none, and the table is small.)
            models.Index(fields=["next_due_at"], name="taskhub_schedule_due"),
        ]
        constraints = [
            models.CheckConstraint(
                name="taskhub_schedule_kind",
                condition=Q(kind=Kind.INTERVAL, every__gte=1)
                | (Q(kind=Kind.CRON) & ~Q(cron=""))
                | Q(kind=Kind.ONCE, at__isnull=False),
                violation_error_message="An interval needs its seconds, cron its expression, and once its time.",
            ),
            models.CheckConstraint(
                name="taskhub_schedule_enabled", condition=Q(enabled=True) | Q(next_due_at=None)
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def timing(self) -> Timing:
        """When it is due."""
        return Timing(
            kind=Kind(self.kind), every=self.every, cron=self.cron, at=self.at, timezone=self.timezone,
            start_at=self.start_at, end_at=self.end_at, anchor_at=self.created_at,
        )  # fmt: skip

    @property
    def policies(self) -> Policies:
        """What it does with times that were missed and runs that would overlap."""
        return Policies(
            misfire=Misfire(self.misfire), overlap=Overlap(self.overlap), grace=self.grace, jitter=self.jitter,
            catch_up_limit=self.catch_up_limit,
        )  # fmt: skip


class Decision(models.TextChoices):
    """What became of a time of a schedule."""

    ENQUEUED = "enqueued"
    MISSED = "missed"  # nobody was there, and the misfire policy left it out
    OVERLAPPED = "overlapped"  # an earlier task had not ended, and the overlap policy left it out
    REFUSED = (
        "refused"  # the queue took no task: it was full, or one with the same unique key was live
    )


class ScheduleRun(models.Model):
    """What became of one due time. Unique with its schedule: two schedulers never fire one time twice.

    A row of missed times stands for several, of which `due_at` is the last; `reason` says so. `task` may have been
    pruned.
    """

    schedule = models.ForeignKey(
        Schedule, on_delete=models.CASCADE, db_index=False, related_name="runs"
    )
    due_at = models.DateTimeField()
    decided_at = models.DateTimeField()
    decision = models.CharField(max_length=10, choices=Decision.choices)
    reason = models.CharField(max_length=500, default="", blank=True)
    is_manual = models.BooleanField(default=False, help_text="Somebody asked for it.")
    task = models.ForeignKey(
        Task,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )

    class Meta:
        verbose_name = "run of a schedule"
        verbose_name_plural = "runs of schedules"
        ordering = ["-id"]
        constraints = [
            # "Exactly once", and the index by which a schedule finds its runs.
            models.UniqueConstraint(fields=["schedule", "due_at"], name="taskhub_schedulerun_once"),
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} at {self.due_at:%Y-%m-%d %H:%M:%S}: {self.decision}"

    @property
    def late_seconds(self) -> float:
        """How long after its time it was looked at."""
        return max(0.0, (self.decided_at - self.due_at).total_seconds())
