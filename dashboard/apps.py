"""The app `dashboard`: the operators' pages."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class DashboardConfig(AppConfig):
    name = "dashboard"
    label = "taskhub_dashboard"
    verbose_name = gettext_lazy("Task dashboard")
