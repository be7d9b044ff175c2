"""How Django knows the suite's app."""

from django.apps import AppConfig


class TestsConfig(AppConfig):
    name = "tests.app"
    label = "tests_app"
    verbose_name = "taskhub's tests"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tests.app import handlers  # noqa: F401
