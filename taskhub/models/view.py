"""SavedView: a search that somebody wants to come back to."""

from django.db import models


class SavedView(models.Model):
    """A named search. People are named by id, without a foreign key: they may live elsewhere."""

    name = models.CharField(max_length=100)
    search = models.CharField(max_length=1000)
    user_id = models.CharField(max_length=100)
    is_shared = models.BooleanField(default=False, help_text="Everybody sees it.")
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "saved view"
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["user_id", "name"], name="taskhub_savedview_once")
        ]

    def __str__(self) -> str:
        return self.name
