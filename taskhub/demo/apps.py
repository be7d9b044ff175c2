"""Declare the demo app; only taskhub's own site installs it."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Hold the sample tasks, the pages and the `demo` command."""

    name = "taskhub.demo"
    label = "taskhub_demo"
    verbose_name = "taskhub demo"
    default_auto_field = "django.db.models.BigAutoField"
