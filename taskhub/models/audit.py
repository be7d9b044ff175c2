"""AuditEntry: who did what, to how many, why, with what result."""

from django.db import models

from taskhub.models import hiding


class AuditEntry(models.Model):
    """One action of an operator. People are named by id and name, without a foreign key: they may live elsewhere."""

    at = models.DateTimeField()
    user_id = models.CharField(max_length=100)
    user_name = models.CharField(max_length=200)
    action = models.CharField(max_length=30)
    target = models.CharField(max_length=300)
    count = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=500, default="", blank=True)
    result = models.CharField(
        max_length=300, default="", blank=True, help_text="What came of it; empty while it goes on."
    )

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit log"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.user_name}: {self.action} {self.open_target}"

    @property
    def open_target(self) -> str:
        """The target, as those may read it who may not see payloads."""
        return hiding.open_target(self.target)
