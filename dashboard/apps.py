"""The app `dashboard`: the operators' pages."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "dashboard"
    label = "taskhub_dashboard"
    verbose_name = "Task dashboard"
