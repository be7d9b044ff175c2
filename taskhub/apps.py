"""The app `taskhub`: models, checks and the task catalog."""

from django.apps import AppConfig


class TaskhubConfig(AppConfig):
    name = "taskhub"
    label = "taskhub"
    verbose_name = "Tasks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from taskhub import catalog, checks  # noqa: F401

        post_migrate.connect(catalog.sync_after_migrate, sender=self, dispatch_uid="taskhub.catalog")
