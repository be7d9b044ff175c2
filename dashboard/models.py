"""A model without a table, so that Django creates the dashboard's permissions."""

from django.db import models

from dashboard.permissions import Permission


class DashboardPermission(models.Model):  # noqa: DJ008 - there is nothing to write down
    """Holds the permissions; there are no rows."""

    id = models.BigAutoField(primary_key=True)

    class Meta:
        managed = False
        default_permissions = ()
        permissions = [
            (Permission.VIEW_DASHBOARD.value, "Can see the task dashboard"),
            (Permission.VIEW_PAYLOADS.value, "Can see arguments, results and tracebacks"),
            (Permission.VIEW_AUDIT.value, "Can see who did what"),
            (
                Permission.EDIT_ARGUMENTS.value,
                "Can retry tasks with other arguments, and so run anything",
            ),
            (Permission.RETRY_TASK.value, "Can retry tasks"),
            (Permission.CANCEL_TASK.value, "Can cancel tasks"),
            (Permission.PURGE_QUEUE.value, "Can purge queues"),
            (Permission.PAUSE_QUEUE.value, "Can pause and resume queues"),
            (Permission.CONTROL_WORKER.value, "Can quiet and stop workers"),
            (Permission.RUN_SCHEDULE.value, "Can run schedules now"),
            (Permission.CHANGE_SCHEDULE.value, "Can change schedules"),
        ]
