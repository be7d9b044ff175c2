import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from taskhub import monitor
from taskhub.models import AuditEntry, Queue, Task
from taskhub.states import TaskState
from tests.dashboard.builders import make_task

pytestmark = [pytest.mark.django_db, pytest.mark.every_engine]


def post(client: Client, verb: str, target: str | int, **data: str) -> str:
    """Post, and return the message that the next page shows."""
    response = client.post(reverse(f"dashboard:{verb}", args=[target]), data)
    assert response.status_code == 302
    told = [str(message) for message in get_messages(response.wsgi_request)]
    assert len(told) == 1
    assert told[0].split(".")[0] in client.get(response.headers["Location"]).content.decode()
    return told[0]


def entry() -> tuple[str, str, str, int, str]:
    row = AuditEntry.objects.get()
    assert row.user_id
    return row.user_name, row.action, row.target, row.count, row.reason


def state_of(task: Task) -> str:
    task.refresh_from_db()
    return task.state


def test_a_waiting_task_is_cancelled(operator):
    task = make_task()
    assert (
        post(operator, "cancel", task.pk, reason="wrong segment") == f"Task {task.pk} is cancelled."
    )
    assert state_of(task) == TaskState.CANCELLED
    assert task.reason == "by anna: wrong segment"
    assert entry() == ("anna", "cancel", f"task {task.pk}: email.send", 1, "wrong segment")


def test_a_running_task_is_asked_to_stop_and_only_once(operator):
    task = make_task(TaskState.RUNNING)
    assert "was asked to stop" in post(operator, "cancel", task.pk)
    assert state_of(task) == TaskState.RUNNING
    assert task.cancel_requested_at is not None
    assert "had been asked to stop already" in post(operator, "cancel", task.pk)
    assert list(AuditEntry.objects.order_by("id").values_list("count", flat=True)) == [1, 0]


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled", "expired"])
def test_a_cancel_that_comes_too_late_says_what_the_task_is(operator, state):
    task = make_task(state)
    told = post(operator, "cancel", task.pk)
    assert told == f"Not cancelled: task {task.pk} had ended already. It is {state}."
    assert state_of(task) == state
    assert entry()[3] == 0


def test_a_failed_task_is_queued_again(operator):
    task = make_task(TaskState.FAILED)
    assert "is queued again" in post(operator, "retry", task.pk)
    assert state_of(task) == TaskState.QUEUED
    assert entry() == ("anna", "retry", f"task {task.pk}: email.send", 1, "")


def test_a_retry_of_what_runs_says_what_the_task_is(operator):
    task = make_task(TaskState.RUNNING)
    assert post(operator, "retry", task.pk) == f"Not retried: task {task.pk} is running."
    assert entry()[3] == 0


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_a_verb_on_a_task_that_is_gone_is_not_found(operator, verb):
    assert operator.post(reverse(f"dashboard:{verb}", args=[77])).status_code == 404
    assert AuditEntry.objects.count() == 0


def test_a_purge_is_confirmed_with_the_exact_count_by_state_and_age(operator):
    for _ in range(3):
        make_task(TaskState.QUEUED)
    make_task(TaskState.RETRYING)
    make_task(TaskState.PENDING)
    make_task(TaskState.RUNNING)
    make_task(TaskState.SUCCEEDED)
    make_task(queue="other")
    page = operator.get(reverse("dashboard:confirm_purge", args=["mail"]))
    preview = page.context["preview"]
    assert [(part.state, part.count) for part in preview.parts] == [
        ("queued", 3),
        ("retrying", 1),
        ("pending", 1),
    ]
    text = page.content.decode()
    assert "Cancel 5 waiting tasks?" in text
    assert "1 is running and goes on" in text
    assert AuditEntry.objects.count() == 0


def test_a_purge_cancels_what_waits_and_nothing_else(operator):
    waiting = [make_task(state) for state in ("queued", "retrying", "pending")]
    running, other = make_task(TaskState.RUNNING), make_task(queue="other")
    assert post(operator, "purge", "mail", reason="INC-2291", counted="3") == (
        "Purged mail: 3 waiting tasks cancelled."
    )
    assert {state_of(task) for task in waiting} == {TaskState.CANCELLED}
    assert waiting[0].reason == "by anna: INC-2291"
    assert state_of(running) == TaskState.RUNNING
    assert state_of(other) == TaskState.QUEUED
    assert entry() == ("anna", "purge", "queue mail", 3, "INC-2291")


def test_a_purge_says_where_the_queue_has_moved_since_the_preview(operator):
    make_task()
    assert "The preview had counted 5" in post(operator, "purge", "mail", reason="x", counted="5")


@pytest.mark.parametrize("reason", ["", "   \n "])
def test_a_purge_without_a_reason_does_nothing(operator, reason):
    task = make_task()
    assert "say why" in post(operator, "purge", "mail", reason=reason)
    assert state_of(task) == TaskState.QUEUED
    assert AuditEntry.objects.count() == 0


def test_an_empty_queue_offers_no_purge(operator):
    text = operator.get(reverse("dashboard:confirm_purge", args=["mail"])).content.decode()
    assert "Nothing waits in" in text
    assert "btn--danger" not in text


def test_a_queue_is_paused_and_resumed(operator):
    make_task()
    assert post(operator, "pause", "mail", reason="relay down").startswith("mail is paused.")
    row = Queue.objects.get(name="mail")
    assert (row.is_paused, row.pause_reason) == (True, "by anna: relay down")
    assert [stats.is_paused for stats in monitor.queue_stats() if stats.name == "mail"] == [True]
    assert post(operator, "resume", "mail") == "mail goes on."
    row.refresh_from_db()
    assert not row.is_paused
    actions = list(AuditEntry.objects.order_by("id").values_list("action", "target", "count"))
    assert actions == [("pause", "queue mail", 1), ("resume", "queue mail", 1)]
