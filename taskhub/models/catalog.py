"""TaskCatalog: what is known of each task by name, for sites that do not have its code."""

from django.db import models


class TaskCatalog(models.Model):
    """A registered task as its code describes it; written by workers when they start and by `migrate`.

    `parameters` lists the function's parameters: objects with `name`, `kind` and, where present, `default` and
    `annotation` as source text. `defaults` holds the options that differ from taskhub's own.
    """

    name = models.CharField(max_length=200, primary_key=True)
    module_path = models.CharField(max_length=500)
    doc = models.TextField(default="", blank=True)
    queue = models.CharField(max_length=100)
    parameters = models.JSONField(default=list)
    defaults = models.JSONField(default=dict)
    sensitive = models.JSONField(default=list)
    is_schedulable = models.BooleanField(default=True)
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name = "catalog entry"
        verbose_name_plural = "task catalog"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
