"""A statement that takes too long is ended by the database, and the page says how to ask for less."""

import time

import pytest
from django.db import connection
from django.http import HttpResponse
from django.urls import include, path, reverse

from dashboard import access
from dashboard.access import operators_only
from taskhub.engines import get_engine
from taskhub.engines.deadline import TooSlow
from taskhub.models import BulkAction, Task
from taskhub.queue import bulk
from tests.dashboard.builders import make_task
from tests.engines.test_query_plans import numbers_below

pytestmark = [pytest.mark.django_db, pytest.mark.every_engine]


def work(seconds: float) -> str:
    """Return a query that takes so long, about, wherever the database cannot sleep."""
    if connection.vendor == "postgresql":
        return f"SELECT 1 FROM pg_sleep({seconds})"
    return f"SELECT count(*) FROM {numbers_below(int(seconds * 5_000_000))}"


def ask(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(work(seconds))
        cursor.fetchall()


@operators_only()
def slow(request):
    ask(60)
    return HttpResponse("done")


urlpatterns = [path("slow/", slow), path("dashboard/", include("dashboard.urls"))]


@pytest.fixture
def _hurried(settings, monkeypatch):
    settings.ROOT_URLCONF = __name__
    monkeypatch.setattr(access, "PATIENCE", 0.2)


@pytest.mark.usefixtures("_hurried")
def test_a_page_says_so_and_the_connection_goes_on(operator):
    began = time.monotonic()
    response = operator.get("/slow/")
    assert time.monotonic() - began < 10
    assert response.status_code == 503
    text = response.content.decode()
    assert "stopped after 0.2 seconds. Narrow it" in text
    make_task()
    assert operator.get(reverse("dashboard:overview")).status_code == 200


def test_what_comes_after_is_as_patient_as_before():
    with get_engine().deadline(0.1):
        Task.objects.exists()
    ask(0.5)


def test_a_mass_action_whose_tasks_are_not_found_in_time_stores_nothing(monkeypatch):
    monkeypatch.setattr(bulk, "PATIENCE", 0.2)
    make_task("failed")
    with pytest.raises(TooSlow):
        bulk.pin("retry", Task.objects.extra(where=[f"({work(60)}) > 0"]), bulk.By("1", "anna"))
    assert not BulkAction.objects.exists()
