"""Dependency: one task waits for the end of another."""

from enum import StrEnum

from django.db import models
from django.db.models import Q

from taskhub.models.task import Task


class Need(StrEnum):
    """What a dependent needs of the task that it waits for."""

    SUCCESS = "success"
    FAILURE = "failure"  # failed, cancelled or expired
    END = "end"


class Met(StrEnum):
    """Where a need stands."""

    WAITS = "waits"  # the other has not ended
    MET = "met"
    BROKEN = "broken"  # the other has ended in another way


class Dependency(models.Model):
    """`dependent` may start when what it needs of `upstream` is met; `Task.unmet` counts what is not.

    `position` orders the values that the dependent gets; `name` is its word for this one.
    """

    upstream = models.ForeignKey(
        Task, on_delete=models.DO_NOTHING, db_constraint=False, related_name="dependents"
    )
    dependent = models.ForeignKey(
        Task, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="needs"
    )
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=100, default="", blank=True)
    need = models.CharField(
        max_length=7, default=Need.SUCCESS, choices=[(n.value, n.value) for n in Need]
    )
    state = models.CharField(
        max_length=6, default=Met.WAITS, choices=[(m.value, m.value) for m in Met]
    )

    class Meta:
        verbose_name_plural = "dependencies"
        ordering = ["dependent", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["dependent", "position"], name="taskhub_dependency_once"
            ),
            models.CheckConstraint(
                name="taskhub_dependency_need", condition=Q(need__in=[n.value for n in Need])
            ),
            models.CheckConstraint(
                name="taskhub_dependency_state", condition=Q(state__in=[m.value for m in Met])
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.dependent_id} needs the {self.need} of #{self.upstream_id}: {self.state}"


class Cascade(models.Model):
    """A task whose dependents have yet to hear how it stands: more of them than one transaction should change."""

    task = models.OneToOneField(
        Task, primary_key=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )

    def __str__(self) -> str:
        return f"dependents of task #{self.task_id}"
