from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="DashboardPermission",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ],
            options={
                "permissions": [
                    ("view_dashboard", "Can see the task dashboard"),
                    ("view_payloads", "Can see arguments, results and tracebacks"),
                    ("view_audit", "Can see who did what"),
                    ("edit_arguments", "Can retry tasks with other arguments, and so run anything"),
                    ("retry_task", "Can retry tasks"),
                    ("cancel_task", "Can cancel tasks"),
                    ("purge_queue", "Can purge queues"),
                    ("pause_queue", "Can pause and resume queues"),
                    ("control_worker", "Can quiet and stop workers"),
                    ("run_schedule", "Can run schedules now"),
                    ("change_schedule", "Can change schedules"),
                ],
                "managed": False,
                "default_permissions": (),
            },
        ),
    ]
