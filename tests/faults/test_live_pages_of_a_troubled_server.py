"""Open pages while the database is away: they say so, and go on with what has changed meanwhile."""

import signal
import sys

import pytest
from django.contrib.auth import get_user_model
from django.db import connections
from django.test import Client
from django.urls import reverse

from taskhub.models import Task
from tests.dashboard.builders import make_task
from tests.dashboard.live_client import opened
from tests.services.base import free_port, try_connecting

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("postgresql")]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["restart", "crash"])
def test_a_page_is_late_while_the_database_is_away_and_catches_up(processes, own_server, how):
    port = free_port()
    site = processes.start(
        *(sys.executable, "-m", "daphne", "--bind", "127.0.0.1", "--port", str(port)),
        "taskhub.site.asgi:application",
        env={**own_server.env, "TASKHUB_TEST_DATABASE_NAME": own_server.name},
    )
    site.wait_until(lambda: try_connecting(port), "answered", timeout=30)
    client, task = Client(), make_task(queue="reports")
    client.force_login(get_user_model().objects.create_superuser("anna"))
    with opened(f"http://127.0.0.1:{port}", client) as socket:
        socket.watch(page=reverse("dashboard:task", args=[task.pk]))
        assert not socket.frame()["late"]
        own_server.restart(how)
        while not socket.frame(60)["late"]:
            pass
        while socket.frame(60)["late"]:
            pass
        connections.close_all()  # those of the test were cut, too
        Task.objects.filter(pk=task.pk).update(reason="INC-2291")
        while "INC-2291" not in socket.frame(60).get("regions", {}).get("facts", ""):
            pass
    assert site.output.count("Live pages are late") == 1
    assert "Traceback" not in site.output
