import pytest
from django.test import Client
from django.urls import reverse

from dashboard.live.topics import Visit
from dashboard.visits.tokens import token_of
from taskhub.states import TaskState
from tests.dashboard.builders import make_task

pytestmark = pytest.mark.django_db

LIVE, VISIT = "dashboard:live", "dashboard:visit"


def test_a_page_its_rows_and_its_news_are_told_at_once(operator):
    task = make_task(kwargs={"note": "<b>"})
    answer = operator.get(
        reverse(LIVE),
        {
            "page": reverse("dashboard:overview"),
            "rows": f"{task.pk},999999",
            "list": reverse("dashboard:tasks"),
            "first": 0,
        },
    )
    told = answer.json()
    assert set(told["regions"]) == {"verdict", "attention", "now", "charts", "queues", "workers"}
    assert f'id="task-{task.pk}"' in told["rows"][str(task.pk)]
    assert "<b>" not in told["rows"][str(task.pk)]
    assert told["rows"]["999999"] is None
    assert (told["newer"], told["more"]) == (1, False)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "no-store" in answer.headers["Cache-Control"]


def test_what_cannot_be_watched_cannot_be_asked_for(operator, reader, client_with):
    make_task(queue="mail")
    edit = reverse("dashboard:edit", args=[make_task(TaskState.FAILED).pk])
    for client, query, status in [
        (operator, {"page": "/nowhere/"}, 404),
        (operator, {"page": edit}, 404),
        (reader, {"page": edit}, 403),
        (operator, {}, 400),
        (operator, {"rows": "1,x"}, 400),
        (operator, {"rows": ",".join(map(str, range(201)))}, 400),
        (client_with(), {"rows": "1"}, 403),
        (Client(), {"rows": "1"}, 302),
    ]:
        assert client.get(reverse(LIVE), query).status_code == status, query
    assert operator.post(reverse(LIVE), {"rows": "1"}).status_code == 405


def test_regions_are_those_of_the_page_itself(operator):
    task = make_task(TaskState.FAILED)
    url = reverse("dashboard:task", args=[task.pk])
    page = operator.get(url).content.decode()
    regions = operator.get(reverse(LIVE), {"page": url}).json()["regions"]
    assert page.count("data-region=") == len(regions)
    for name in ("journey", "attempts"):
        assert (
            f'<div class="region" id="live-{name}" data-region="{name}">{regions[name]}</div>'
            in page
        )


def test_a_visitor_asks_with_the_token_in_a_header(client):
    task = make_task(TaskState.FAILED)
    token = token_of(Visit(task.pk, "import", with_result=False))
    answer = client.get(reverse(VISIT), headers={"X-Taskhub-Token": token})
    assert answer.json()["task"] == {
        "state": "failed",
        "heading": "Your import did not work",
        "detail": "Tell us the reference, and we look into it.",
        "aside": f"Reference {task.pk}",
        "fraction": None,
        "percent": "",
        "is_over": True,
        "result": None,
    }
    assert client.get(reverse(VISIT)).status_code == 403
    late = token_of(Visit(task.pk, "import", with_result=False), expires_in=-1)
    assert client.get(reverse(VISIT), headers={"X-Taskhub-Token": late}).status_code == 403
    assert client.post(reverse(VISIT)).status_code == 405


def only_for_mail(user, permission: str, queue: str) -> bool:
    return user.get_username().startswith("staff") and queue == "mail"


def test_a_site_that_decides_by_person_and_queue_is_asked_about_that_person(client_with, settings):
    settings.TASKHUB = {
        **settings.TASKHUB,
        "DASHBOARD_ACCESS": f"{__name__}.only_for_mail",
    }
    for name in ("mail", "billing"):
        make_task(queue=name)
    client = client_with("view_dashboard", "purge_queue")
    for name, is_allowed in (("mail", True), ("billing", False)):
        told = client.get(reverse(LIVE), {"page": reverse("dashboard:queue", args=[name])}).json()
        assert ("Purge" in told["regions"]["now"]) is is_allowed, name
