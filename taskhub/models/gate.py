"""Slot and RateBucket: what limits how many tasks of a key run at a time, or start in a time."""

from django.db import models
from django.db.models import F, Q


class Slot(models.Model):
    """How many tasks of a concurrency key may be queued or running together, and how many are."""

    key = models.CharField(max_length=200, primary_key=True)
    limit = models.PositiveIntegerField()
    used = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["key"]
        constraints = [
            models.CheckConstraint(name="taskhub_slot_limit", condition=Q(limit__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.used} of {self.limit}"


class RateBucket(models.Model):
    """A token bucket: one token for each start; `per` seconds fill it with `capacity` tokens."""

    key = models.CharField(max_length=210, primary_key=True, help_text="task:NAME or queue:NAME.")
    capacity = models.PositiveIntegerField()
    per = models.FloatField(help_text="Seconds in which an empty bucket becomes full.")
    tokens = models.FloatField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["key"]
        constraints = [
            models.CheckConstraint(
                name="taskhub_ratebucket_range",
                condition=Q(capacity__gte=1, per__gt=0, tokens__gte=0, tokens__lte=F("capacity")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.tokens:.1f} of {self.capacity} in {self.per:g} s"
