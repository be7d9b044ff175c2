"""Tasks, results, workers and queues in the admin: read-only, guarded, and no list reads or counts a whole table."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from taskhub.admin import looking
from taskhub.models import AuditEntry, Queue, Result, Task
from taskhub.states import TaskState
from tests.dashboard.builders import make_result, make_task, make_worker

pytestmark = pytest.mark.django_db

MODELS = ["task", "result", "worker", "queue", "taskcatalog", "auditentry"]
VIEW_TASK = "taskhub.view_task"


def list_of(model: str) -> str:
    return reverse(f"admin:taskhub_{model}_changelist")


def act(client, model: str, action: str, *chosen, **more):
    data = {"action": action, "_selected_action": [one.pk for one in chosen], "index": "0", **more}
    return client.post(list_of(model), data, follow=True)


@pytest.mark.parametrize("model", MODELS)
def test_a_list_counts_to_its_cap_and_no_further(root, model, monkeypatch):
    monkeypatch.setattr(looking, "CAP", 3)
    monkeypatch.setattr(looking.ReadOnly, "list_per_page", 2)
    for number in range(5):
        make_result(make_task(TaskState.SUCCEEDED))
        make_worker()
        Queue.objects.create(name=f"queue {number}")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = root.get(list_of(model))
    assert response.status_code == 200
    assert response.context["cl"].result_count == (0 if model == "auditentry" else 3)
    mine = [one["sql"] for one in queries if f'FROM "taskhub_{model}"' in one["sql"]]
    assert mine
    assert all("LIMIT" in sql for sql in mine) or model == "auditentry", mine


@pytest.mark.parametrize("model", MODELS)
def test_nothing_is_added_changed_or_deleted_by_hand(root, model):
    assert root.get(f"{list_of(model)}add/").status_code == 403
    task = make_task(TaskState.SUCCEEDED)
    if model == "task":
        url = reverse("admin:taskhub_task_change", args=[task.pk])
        assert root.get(url).status_code == 200
        assert root.post(url, {"state": "failed"}).status_code == 403
        assert root.post(reverse("admin:taskhub_task_delete", args=[task.pk])).status_code == 403


def test_a_task_is_found_by_its_id_and_by_nothing_else(root):
    first, second = make_task(name="mail.first"), make_task(name="mail.second")
    found = root.get(list_of("task"), {"q": f"#{first.pk}"}).context["cl"].result_list
    assert list(found) == [first]
    for words in ("mail", "9" * 30, "9" * 5000, "٣"):
        assert not list(root.get(list_of("task"), {"q": words}).context["cl"].result_list)
    assert second in root.get(list_of("task")).context["cl"].result_list


def test_arguments_and_values_do_not_show(root):
    task = make_task(TaskState.SUCCEEDED, kwargs={"token": "secret words"})
    make_result(task, value="secret value", message="secret message", traceback="secret traceback")
    pages = [list_of("task"), reverse("admin:taskhub_task_change", args=[task.pk])]
    pages += [reverse("admin:taskhub_result_change", args=[one.pk]) for one in Result.objects.all()]
    for page in pages:
        text = root.get(page).content.decode()
        assert "secret" not in text, page


LOOKUPS = [
    ("task", "kwargs__icontains"),
    ("task", "kwargs__token__startswith"),
    ("task", "args__0"),
    ("task", "reason__contains"),
    ("result", "value__contains"),
    ("result", "traceback__contains"),
    ("result", "task__kwargs__token"),
    ("worker", "host__contains"),
    ("auditentry", "target__contains"),
]


@pytest.mark.parametrize(("model", "lookup"), LOOKUPS)
def test_a_list_is_not_filtered_by_what_it_does_not_offer(root, model, lookup):
    make_result(make_task(TaskState.SUCCEEDED, kwargs={"token": "secret"}), value="secret")
    for value in ("secret", "nope"):
        assert root.get(list_of(model), {lookup: value}).status_code == 400


@pytest.mark.parametrize("model", MODELS)
def test_a_list_is_sorted_by_its_index_whatever_the_address_says(root, model):
    plain = root.get(list_of(model)).context["cl"].queryset.query.order_by
    for order in ("1", "7", "-3.2", "x"):
        response = root.get(list_of(model), {"o": order})
        assert response.context["cl"].queryset.query.order_by == plain


def test_the_audit_log_shows_no_search_for_arguments(root):
    entry = AuditEntry.objects.create(
        at=timezone.now(), user_id="1", user_name="anna", action="cancel",
        target="3 tasks: queue:mail args.user_id:424242",
    )  # fmt: skip
    for page in (
        list_of("auditentry"),
        reverse("admin:taskhub_auditentry_change", args=[entry.pk]),
    ):
        text = root.get(page).content.decode()
        assert "3 tasks: queue:mail" in text
        assert "424242" not in text, page


@pytest.mark.parametrize(
    ("action", "right", "before", "after"),
    [
        ("cancel", "cancel_task", TaskState.QUEUED, TaskState.CANCELLED),
        ("retry", "retry_task", TaskState.FAILED, TaskState.QUEUED),
    ],
)
def test_cancel_and_retry_ask_for_their_permission_and_are_audited(
    staff, action, right, before, after
):
    task = make_task(before)
    act(staff(VIEW_TASK), "task", action, task)
    task.refresh_from_db()
    assert task.state == before
    act(staff(VIEW_TASK, f"taskhub_dashboard.{right}"), "task", action, task)
    task.refresh_from_db()
    assert task.state == after
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.count) == (action, 1)


def test_what_an_action_cannot_do_is_told_row_by_row(root):
    done, waiting = make_task(TaskState.SUCCEEDED), make_task()
    text = act(root, "task", "cancel", done, waiting).content.decode()
    assert f"Task #{done.pk}" in text
    assert "expected one that waits or runs" in text
    assert Task.objects.get(pk=waiting.pk).state == TaskState.CANCELLED


def test_an_action_on_all_tasks_is_refused(root):
    task = make_task()
    text = act(root, "task", "cancel", task, select_across="1").content.decode()
    assert "Choose the rows themselves" in text
    assert Task.objects.get(pk=task.pk).state == TaskState.QUEUED


def test_queues_are_paused_and_resumed(staff):
    queue = Queue.objects.create(name="mail")
    rights = ("taskhub.view_queue", "taskhub_dashboard.pause_queue")
    act(staff("taskhub.view_queue"), "queue", "pause", queue)
    assert not Queue.objects.get().is_paused
    act(staff(*rights), "queue", "pause", queue)
    assert Queue.objects.get().is_paused
    act(staff(*rights), "queue", "resume", queue)
    assert not Queue.objects.get().is_paused
