"""Fixtures for a database that several sessions use at once."""

from collections.abc import Iterator

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from dashboard.live.pulse import get_pulse
from taskhub.engines import news
from tests.settings import ENGINE


@pytest.fixture(scope="session")
def engine() -> str:
    """The database of this run: `sqlite`, `postgresql` or `mysql`."""
    return ENGINE


@pytest.fixture(scope="session", autouse=True)
def no_listener_outlives_the_test_database(django_db_setup: None) -> Iterator[None]:
    """A database that somebody is connected to cannot be dropped."""
    yield
    news.close_all()
    get_pulse().close()


@pytest.fixture
def second_connection(transactional_db: None) -> Iterator[BaseDatabaseWrapper]:
    """Another session on the test's database, in this thread; for use with `acting_as`.

    What it writes is rolled back if the test leaves it uncommitted.
    """
    connection = connections.create_connection("default")
    yield connection
    connection.close()
