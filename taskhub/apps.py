"""The app `taskhub`: models, checks and the task catalog."""

from django.apps import AppConfig


class TaskhubConfig(AppConfig):
    name = "taskhub"
    label = "taskhub"
    verbose_name = "Tasks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from taskhub import catalog, checks, signals  # noqa: F401
        from taskhub.queue.announce import tasks_ended

        post_migrate.connect(
            catalog.sync_after_migrate, sender=self, dispatch_uid="taskhub.catalog"
        )
        tasks_ended.connect(signals.send_task_finished, dispatch_uid="taskhub.signals")
