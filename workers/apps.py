"""The app `workers`: it brings `manage.py runworker`."""

from django.apps import AppConfig


class WorkersConfig(AppConfig):
    name = "workers"
    label = "taskhub_workers"
    verbose_name = "Workers"
