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
                    ("retry_task", "Can retry tasks"),
                    ("cancel_task", "Can cancel tasks"),
                    ("purge_queue", "Can purge queues"),
                    ("pause_queue", "Can pause and resume queues"),
                ],
                "managed": False,
                "default_permissions": (),
            },
        ),
    ]
