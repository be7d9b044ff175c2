"""People with exactly the rights that a test is about, and schedules as the API makes them."""

from collections.abc import Callable

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from taskhub import catalog
from taskhub.models import Schedule


@pytest.fixture(autouse=True)
def _a_catalog(db) -> None:
    """Tasks are offered by their catalog; declared schedules are there after migrate."""
    Schedule.objects.all().delete()
    catalog.sync()


@pytest.fixture
def staff(db) -> Callable[..., Client]:
    """`staff("taskhub.change_schedule", …)`: a browser of somebody who holds exactly these permissions."""

    def make(*permissions: str) -> Client:
        users = get_user_model().objects
        user = users.create_user(f"staff{users.count()}", is_staff=True)
        for permission in permissions:
            app, _, codename = permission.partition(".")
            user.user_permissions.add(
                Permission.objects.get(content_type__app_label=app, codename=codename)
            )
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def root(db) -> Client:
    """A browser of somebody who may do everything."""
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("anna"))
    return client
