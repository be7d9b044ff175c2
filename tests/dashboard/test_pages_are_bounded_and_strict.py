import re

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from taskhub import schedules
from taskhub.models import (
    BulkVerb,
    Decision,
    Outcome,
    Schedule,
    ScheduleRun,
    TaskCatalog,
    Worker,
)
from taskhub.queue import bulk
from taskhub.states import TaskState
from tests.app import tasks as app_tasks
from tests.dashboard.builders import ago, make_entry, make_result, make_task, make_worker

pytestmark = [pytest.mark.django_db, pytest.mark.only_on("sqlite", "postgresql")]


def fill(times: int) -> None:
    before = TaskCatalog.objects.filter(name__startswith="email.send").count()
    for number in range(before, before + times):
        make_entry(f"email.send{number}", "to")
        for state in TaskState:
            task = make_task(
                state, name=f"email.send{number}", queue=f"q{number}", tags=("bulk", f"t{number}")
            )
            if task.attempt and state != TaskState.RUNNING:
                is_good = state == TaskState.SUCCEEDED
                outcome = Outcome.SUCCEEDED if is_good else Outcome.FAILED
                make_result(task, outcome, fingerprint="" if is_good else "ab" * 8)
        make_worker(f"w{number}")


def pages() -> list[str]:
    from taskhub.models import Task

    failed = Task.objects.filter(state=TaskState.FAILED).earliest("id")
    queued = Task.objects.filter(state=TaskState.QUEUED).earliest("id")
    worker = Worker.objects.filter(kind="worker").earliest("id")
    action = bulk.pin(
        BulkVerb.PURGE, Task.objects.filter(queue="q0"), bulk.By("1", "anna"), "queue:q0"
    )
    return [
        reverse("dashboard:overview"),
        reverse("dashboard:tasks"),
        reverse("dashboard:tasks") + "?state=failed&tag=bulk",
        reverse("dashboard:task", args=[failed.pk]),
        reverse("dashboard:task", args=[queued.pk]),
        reverse("dashboard:edit", args=[failed.pk]),
        reverse("dashboard:bulk", args=[action.pk]),
        reverse("dashboard:queues"),
        reverse("dashboard:queue", args=["q0"]),
        reverse("dashboard:errors"),
        reverse("dashboard:error", args=["ab" * 8]),
        reverse("dashboard:workers"),
        reverse("dashboard:worker", args=[worker.pk]),
        reverse("dashboard:confirm_stop", args=[worker.pk]),
        reverse("dashboard:schedules"),
        reverse("dashboard:audit"),
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


@pytest.mark.only_on("sqlite", "postgresql")  # elsewhere each queue's name takes a probe of its own
def test_a_page_asks_the_same_of_few_queues_and_of_many(operator):
    few = fill_and_count(operator, 2)
    assert fill_and_count(operator, 40) == few


def fill_and_count(client, number: int) -> dict[str, int]:
    """Fill the site with so many queues, workers and schedules more, and count the statements of each page."""
    fill(number)
    for _ in range(number):
        name = f"nightly{Schedule.objects.count()}"
        one = schedules.add_cron(name, app_tasks.add.s(1), "0 3 * * *")
        ScheduleRun.objects.create(
            schedule=one, due_at=ago(60), decided_at=ago(60), decision=Decision.ENQUEUED
        )
    return {re.sub(r"\d+", "N", url): count(client, url) for url in pages()}


def count(client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def test_the_overview_asks_little(operator, django_assert_max_num_queries):
    fill(3)
    with django_assert_max_num_queries(30):
        operator.get(reverse("dashboard:overview"))


def test_the_list_asks_little(operator, django_assert_max_num_queries):
    fill(3)
    with django_assert_max_num_queries(32):
        operator.get(reverse("dashboard:tasks"))


def test_a_task_page_asks_little(operator, django_assert_max_num_queries):
    fill(1)
    url = pages()[3]
    with django_assert_max_num_queries(26):
        operator.get(url)


def test_no_page_counts_without_a_bound(operator):
    fill(2)
    with CaptureQueriesContext(connection) as queries:
        for url in pages()[1:6]:
            operator.get(url)
    counting = [q["sql"] for q in queries if "COUNT(" in q["sql"].upper()]
    assert counting
    # Tasks that run are as few as the slots; the others stop at a limit, or look at a span of ids.
    unbounded = [
        sql
        for sql in counting
        if "LIMIT" not in sql and "'running'" not in sql and not re.search(r"id[`\"]? >=? \d+", sql)
    ]
    assert not unbounded, unbounded
    assert not [q["sql"] for q in queries if "OFFSET" in q["sql"]]


def test_every_answer_carries_the_strict_policy_and_is_kept_by_no_cache(operator):
    fill(1)
    for url in pages():
        headers = operator.get(url).headers
        assert headers["Content-Security-Policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
            "connect-src 'self'; "
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
        assert not re.search(r'<script(?![^>]*\ssrc=)(?! type="application/json">)', text)
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
