import re

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from taskhub.models import Outcome
from taskhub.states import TaskState
from tests.dashboard.builders import make_entry, make_result, make_task, make_worker

pytestmark = [pytest.mark.django_db, pytest.mark.every_engine]


def fill(times: int) -> None:
    for number in range(times):
        make_entry(f"email.send{number}", "to")
        for state in TaskState:
            task = make_task(
                state, name=f"email.send{number}", queue=f"q{number}", tags=("bulk", f"t{number}")
            )
            if task.attempt and state != TaskState.RUNNING:
                make_result(
                    task, Outcome.SUCCEEDED if state == TaskState.SUCCEEDED else Outcome.FAILED
                )
        make_worker(f"w{number}")


def pages() -> list[str]:
    from taskhub.models import Task

    failed = Task.objects.filter(state=TaskState.FAILED).earliest("id")
    return [
        reverse("dashboard:overview"),
        reverse("dashboard:tasks"),
        reverse("dashboard:tasks") + "?state=failed&tag=bulk",
        reverse("dashboard:task", args=[failed.pk]),
        reverse("dashboard:confirm_purge", args=["q0"]),
    ]


def test_a_page_asks_no_more_of_a_full_database_than_of_an_empty_one(operator):
    fill(1)
    few = [count(operator, url) for url in pages()]
    fill_more = 6
    for number in range(1, fill_more):
        make_entry(f"more{number}", "to")
        for state in TaskState:
            make_task(state, name=f"more{number}", queue="q0", tags=("bulk",))
        make_worker(f"more{number}")
    assert [count(operator, url) for url in pages()] == few


def count(client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def test_the_overview_asks_little(operator, django_assert_max_num_queries):
    fill(3)
    with django_assert_max_num_queries(21):
        operator.get(reverse("dashboard:overview"))


def test_the_list_asks_little(operator, django_assert_max_num_queries):
    fill(3)
    with django_assert_max_num_queries(25):
        operator.get(reverse("dashboard:tasks"))


def test_a_task_page_asks_little(operator, django_assert_max_num_queries):
    fill(1)
    url = pages()[3]
    with django_assert_max_num_queries(12):
        operator.get(url)


def test_no_page_counts_without_a_bound(operator):
    fill(2)
    with CaptureQueriesContext(connection) as queries:
        for url in pages()[1:4]:
            operator.get(url)
    counting = [q["sql"] for q in queries if "COUNT(" in q["sql"]]
    assert counting
    assert all("LIMIT" in sql for sql in counting)
    assert not [q["sql"] for q in queries if "OFFSET" in q["sql"]]


def test_every_answer_carries_the_strict_policy_and_is_kept_by_no_cache(operator):
    fill(1)
    for url in pages():
        headers = operator.get(url).headers
        assert headers["Content-Security-Policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        assert "no-store" in headers["Cache-Control"]


def test_the_policy_names_the_host_of_static_files(operator, settings):
    settings.STATIC_URL = "https://static.example.org/s/"
    policy = operator.get(reverse("dashboard:overview")).headers["Content-Security-Policy"]
    assert "style-src 'self' https://static.example.org;" in policy


def test_no_page_has_anything_inline_and_what_it_links_to_is_there(operator):
    fill(1)
    for url in pages():
        text = operator.get(url).content.decode()
        assert " style=" not in text
        assert "<style" not in text
        assert not re.search(r"\son[a-z]+=", re.sub(r'"[^"]*"', '""', text))
        assert not re.search(r"<script(?![^>]*\ssrc=)", text)
        for path in re.findall(r'(?:href|src)="/static/([^"]+)"', text):
            assert finders.find(path), path
        icons = set(re.findall(r'href="#(i-[^"]+)"', text))
        assert icons <= set(re.findall(r'id="(i-[^"]+)"', text))


def test_no_two_things_on_a_page_share_an_id(operator):
    fill(1)
    for url in pages():
        ids = re.findall(r'\sid="([^"]+)"', operator.get(url).content.decode())
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("cookie", "expected"), [("dark", ' data-theme="dark"'), ("auto", ""), ('"><x', "")]
)
def test_the_theme_comes_from_its_cookie(operator, cookie, expected):
    operator.cookies["taskhub_theme"] = cookie
    text = operator.get(reverse("dashboard:overview")).content.decode()
    assert f'<html lang="en"{expected}>' in text


def test_times_are_utc_and_say_so(operator, settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    task = make_task()
    text = operator.get(reverse("dashboard:task", args=[task.pk])).content.decode()
    assert f"{task.enqueued_at:%H:%M:%S}" in text
    assert f'title="{task.enqueued_at:%a %d %b %Y %H:%M:%S} UTC"' in text
