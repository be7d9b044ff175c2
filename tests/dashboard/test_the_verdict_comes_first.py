import pytest
from django.urls import reverse

from taskhub import monitor
from taskhub.states import TaskState
from tests.dashboard.builders import ago, make_task, make_worker

pytestmark = [pytest.mark.django_db, pytest.mark.only_on("sqlite", "postgresql")]


def verdict(client) -> tuple[str, list[str]]:
    context = client.get(reverse("dashboard:overview")).context
    told = [f"{c.before} {c.subject} {c.what}".strip() for c in context["concerns"]]
    return context["verdict"], told


def test_nothing_needs_attention_where_all_is_well(operator):
    make_worker("w1")
    make_task()
    make_task(TaskState.SUCCEEDED)
    assert verdict(operator) == ("Nothing needs attention", [])


def test_queued_tasks_without_any_worker_are_told_once(operator):
    make_task(queue="mail")
    make_task(queue="reports")
    make_worker("gone", stopped_at=ago(7200))
    assert verdict(operator) == ("1 thing needs attention", ["No worker is running"])


def test_a_queue_that_no_healthy_worker_takes_is_named(operator):
    make_worker("w1", queues=[["mail", 1]])
    make_task(queue="mail")
    make_task(queue="reports")
    assert verdict(operator)[1] == ["Nobody works on reports"]
    text = operator.get(reverse("dashboard:overview")).content.decode()
    assert 'href="/ops/tasks-of-ours/tasks/?state=queued&amp;queue=reports">See them</a>' in text


def test_a_worker_without_a_list_of_queues_takes_every_queue(operator):
    make_worker("w1", queues=[])
    make_task(queue="reports")
    assert verdict(operator)[1] == []


def test_a_task_that_no_worker_has_the_code_of_is_named(operator):
    make_worker("w1")
    make_task(name="strange")
    make_task(name="strange")
    assert verdict(operator)[1] == ["No worker has the code of strange"]
    text = operator.get(reverse("dashboard:overview")).content.decode()
    assert "2 tasks in mail cannot start until one does." in text


def test_many_unknown_tasks_are_one_thing(operator):
    make_worker("w1")
    for number in range(4):
        make_task(name=f"strange{number}")
    assert verdict(operator)[1] == ["No worker has the code of 4 tasks"]


def test_a_worker_that_has_gone_silent_and_one_that_was_lost_are_named(operator):
    make_worker("ok")
    make_worker("silent", beat=1000)
    make_worker("lost", beat=1000, stopped_at=ago(900), is_lost=True)
    make_worker("left", beat=1000, stopped_at=ago(900))
    assert verdict(operator)[1] == [
        "lost  was lost".replace("  ", " "),
        "silent gives no sign of life",
    ]


def test_many_dead_workers_are_one_thing(operator):
    make_worker("ok")
    for number in range(10):
        make_worker(f"w{number}", beat=1000)
    assert verdict(operator)[1] == ["10 workers give no sign of life"]


def test_failures_of_the_last_hour_are_told_and_older_ones_are_not(operator):
    make_worker("ok")
    make_task(TaskState.FAILED, finished_at=ago(7200))
    assert verdict(operator)[1] == []
    make_task(TaskState.FAILED)
    assert verdict(operator)[1] == ["email.send failed once in the last hour"]
    make_task(TaskState.FAILED, name="other")
    assert verdict(operator)[1] == ["2 tasks failed in the last hour"]


def test_a_paused_queue_with_work_is_told_and_is_not_called_unstaffed(operator):
    make_task(queue="mail")
    monitor.pause("mail", "by anna: relay is down")
    assert verdict(operator)[1] == ["mail is paused"]
    text = operator.get(reverse("dashboard:overview")).content.decode()
    assert "1 task waits. Paused by anna: relay is down." in text
