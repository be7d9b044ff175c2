"""People of several roles, and the site that they look at: the dashboard beside Django's admin, nothing else."""

from collections.abc import Callable

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission as DjangoPermission
from django.test import Client

from dashboard.permissions import Permission
from taskhub import registry


@pytest.fixture(autouse=True)
def _only_the_dashboard(settings, db):
    settings.ROOT_URLCONF = "tests.dashboard.urls"


@pytest.fixture
def client_with(db) -> Callable[..., Client]:
    """`client_with("view_dashboard", …)`: a browser of a staff member who holds exactly these permissions."""

    def make(*codenames: str, is_staff: bool = True) -> Client:
        number = get_user_model().objects.count()
        user = get_user_model().objects.create_user(f"staff{number}", is_staff=is_staff)
        granted = DjangoPermission.objects.filter(
            content_type__app_label="taskhub_dashboard", codename__in=codenames
        )
        assert len(granted) == len(codenames)
        user.user_permissions.set(granted)
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def operator(db) -> Client:
    """A browser of somebody who may do everything."""
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("anna"))
    return client


@pytest.fixture
def reader(client_with: Callable[..., Client]) -> Client:
    """A browser of somebody who sees pages, but no payloads, and may do nothing."""
    return client_with(Permission.VIEW_DASHBOARD)


@pytest.fixture
def no_task_code(monkeypatch) -> None:
    """The site of the "beside" way in: it knows no task's code."""
    monkeypatch.setattr(registry, "find", lambda name: None)
    monkeypatch.setattr(registry, "all_definitions", list)
