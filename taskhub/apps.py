"""The app `taskhub`: models, checks and the task catalog."""

from django.apps import AppConfig


class TaskhubConfig(AppConfig):
    name = "taskhub"
    label = "taskhub"
    verbose_name = "Tasks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from taskhub import catalog, checks, schedules, telling  # noqa: F401
        from taskhub.queue.announce import tasks_ended, tasks_requeued

        post_migrate.connect(
            catalog.sync_after_migrate, sender=self, dispatch_uid="taskhub.catalog"
        )
        post_migrate.connect(
            schedules.sync_after_migrate, sender=self, dispatch_uid="taskhub.schedules"
        )
        tasks_ended.connect(telling.tell_ended, dispatch_uid="taskhub.telling")
        tasks_requeued.connect(telling.tell_requeued, dispatch_uid="taskhub.telling")
