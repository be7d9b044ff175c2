import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from taskhub import monitor, queue
from taskhub.models import AuditEntry, Queue, Step, Task
from taskhub.states import TaskState
from tests.dashboard.builders import ago, make_entry, make_task, make_worker

pytestmark = [pytest.mark.django_db, pytest.mark.only_on("sqlite", "postgresql")]


def post(client: Client, verb: str, target: str | int, **data: str) -> str:
    """Post, and return the message that the next page shows."""
    response = client.post(reverse(f"dashboard:{verb}", args=[target]), data)
    assert response.status_code == 302
    told = [str(message) for message in get_messages(response.wsgi_request)]
    assert len(told) == 1
    assert (
        escape(told[0].split(".")[0]) in client.get(response.headers["Location"]).content.decode()
    )
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


def test_a_queue_is_paused_for_a_while_and_says_until_when(operator):
    make_task()
    assert "is paused until" in post(operator, "pause", "mail", reason="relay down", minutes="60")
    until = Queue.objects.get(name="mail").paused_until
    assert until is not None
    assert f"until {until:%H:%M}" in operator.get(reverse("dashboard:queues")).content.decode()
    assert queue.resume_due() == []
    Queue.objects.update(paused_until=ago(1))
    assert queue.resume_due() == ["mail"]
    assert not Queue.objects.get(name="mail").is_paused


def test_a_task_is_retried_from_a_step(operator):
    task = make_task(TaskState.FAILED)
    for name in ("charge", "ship"):
        Step.objects.create(task=task, name=name, value=1, attempt=1, finished_at=ago(20))
    page = operator.get(reverse("dashboard:task", args=[task.pk])).content.decode()
    assert 'aria-label="Retry from ship"' in page
    told = post(operator, "retry", task.pk, from_step="ship")
    assert told == f"Task {task.pk} is queued again, done from the step ship on."
    assert [step.name for step in task.steps.all()] == ["charge"]
    assert entry()[2] == f"task {task.pk}: email.send, from the step ship"


def test_a_retry_from_a_step_that_was_not_done_names_those_that_were(operator):
    task = make_task(TaskState.FAILED)
    assert "has not done a step 'pack'" in post(operator, "retry", task.pk, from_step="pack")
    assert state_of(task) == TaskState.FAILED
    assert entry()[3] == 0


def test_a_task_is_retried_with_other_arguments(operator):
    make_entry("email.send", "to", "token", sensitive=["token"])
    task = make_task(
        TaskState.FAILED, args=["a@example.org"], kwargs={"token": "secret"}, masked=["token"]
    )
    form = operator.get(reverse("dashboard:edit", args=[task.pk])).content.decode()
    assert "a@example.org" in form
    assert "secret" not in form
    told = post(
        operator, "retry_edited", task.pk, **{"arg-0": '"b@example.org"', "arg-token": '"stolen"'}
    )
    assert told == f"Task {task.pk} is queued again. Changed: to."
    assert state_of(task) == TaskState.QUEUED
    assert (task.args, task.kwargs) == (["b@example.org"], {"token": "secret"})
    assert entry()[2].endswith("with other to")


def test_an_argument_that_was_not_given_can_be_set_and_empty_stays_out(operator):
    entry_of_it = make_entry("email.send", "to", "subject", "cc", "token", sensitive=["token"])
    entry_of_it.parameters[2]["default"] = "'nobody'"
    entry_of_it.save()
    task = make_task(TaskState.FAILED, args=["a@example.org"])
    form = operator.get(reverse("dashboard:edit", args=[task.pk])).content.decode()
    assert "&#x27;nobody&#x27;" in form
    assert 'name="arg-token"' not in form
    sent = {"arg-0": '"a@example.org"', "arg-subject": '"Hi"', "arg-cc": " ", "arg-token": "1"}
    told = post(operator, "retry_edited", task.pk, **sent)
    assert told == f"Task {task.pk} is queued again. Changed: subject."
    task.refresh_from_db()
    assert (task.args, task.kwargs) == (["a@example.org"], {"subject": "Hi"})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("NaN", "NaN is no finite number"),
        ('["\\ud800"]', "lone surrogate"),
        ("[" * 5000 + "]" * 5000, ""),
    ],
)
def test_a_value_that_cannot_be_stored_is_told_beside_its_field(operator, value, said):
    make_entry("email.send", "order", "note")
    task = make_task(TaskState.FAILED, args=[7, "old"])
    sent = {"arg-0": value, "arg-1": '"typed with care"', "reason": "INC-7"}
    response = operator.post(reverse("dashboard:retry_edited", args=[task.pk]), sent)
    text = response.content.decode()
    assert response.status_code == 400
    assert 'aria-invalid="true" aria-describedby="arg-0-says"' in text
    assert said in text
    assert "typed with care" in text
    assert ">INC-7</textarea>" in text
    assert state_of(task) == TaskState.FAILED


def test_arguments_that_are_too_large_come_back_with_what_was_typed(operator, settings):
    settings.TASKHUB = {**settings.TASKHUB, "MAX_PAYLOAD_BYTES": 100}
    task = make_task(TaskState.FAILED, kwargs={"to": "a"})
    sent = {"arg-to": f'"{"x" * 120}"'}
    response = operator.post(reverse("dashboard:retry_edited", args=[task.pk]), sent)
    text = response.content.decode()
    assert response.status_code == 400
    assert "Not retried: The arguments take" in text
    assert "x" * 120 in text


def test_arguments_that_are_no_json_are_shown_again_with_what_is_wrong(operator):
    task = make_task(TaskState.FAILED, kwargs={"to": "a"})
    url = reverse("dashboard:retry_edited", args=[task.pk])
    response = operator.post(url, {"arg-to": "b@example.org"})
    assert response.status_code == 400
    text = response.content.decode()
    assert "is no JSON" in text
    assert "b@example.org" in text
    assert state_of(task) == TaskState.FAILED
    assert AuditEntry.objects.count() == 0


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("[" * 100_000, "nested too deeply"),
        ("NaN", "NaN is no finite number"),
        ('{"a": [1e999]}', "1e999 is no finite number"),
    ],
)
def test_arguments_that_no_database_has_as_json_are_told_at_their_field(operator, typed, problem):
    task = make_task(TaskState.FAILED, kwargs={"to": "a"})
    response = operator.post(reverse("dashboard:retry_edited", args=[task.pk]), {"arg-to": typed})
    assert response.status_code == 400
    assert problem in response.content.decode()
    assert AuditEntry.objects.count() == 0


@pytest.mark.parametrize(("verb", "order"), [("quiet", "quiet"), ("wake", ""), ("stop", "stop")])
def test_a_worker_is_told_what_to_do(operator, verb, order):
    worker = make_worker().parent
    assert worker.name in post(operator, verb, worker.pk, reason="deploy")
    worker.refresh_from_db()
    assert worker.order == order
    assert entry() == ("anna", verb, f"worker {worker.pk}: w1", 1, "deploy")


def test_a_worker_that_has_left_takes_no_orders(operator):
    worker = make_worker(stopped_at=ago(5)).parent
    assert "Not done: Worker w1 has stopped" in post(operator, "quiet", worker.pk)
    assert entry()[3] == 0


def test_an_action_returns_to_the_page_of_its_button_and_never_to_another_site(operator):
    make_task()
    for target, expected in (
        ("/ops/tasks-of-ours/queues/", True),
        ("https://evil.example/", False),
    ):
        response = operator.post(reverse("dashboard:pause", args=["mail"]), {"next": target})
        assert (response.headers["Location"] == target) is expected
