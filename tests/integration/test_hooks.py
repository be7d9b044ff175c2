"""Hooks through real workers: called for the outcome as it was recorded, and never able to change it."""

import signal

import pytest
from django.db import connection

from taskhub import TaskState
from taskhub.models import LogLine, Result, Task
from tests.app import tasks_context as tasks
from tests.app.models import Ledger
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def notes():
    return list(Ledger.objects.order_by("id").values_list("note", flat=True))


def lines():
    return list(LogLine.objects.values_list("message", flat=True))


def test_a_success_is_told_and_what_the_hook_logs_is_kept(drain):
    result = tasks.hooked.enqueue()
    drain("--processes", "1")
    assert notes() == ["success succeeded"]
    assert Ledger.objects.get().task_id == int(result.id)
    assert lines() == ["the task", "hook success"]


def test_a_retry_is_told_by_a_coroutine_and_a_failure_with_the_error(drain):
    again = tasks.hooked.enqueue("fail")
    drain("--processes", "1")
    assert notes() == ["retry retrying ValueError: it broke"]
    assert lines() == ["the task", "hook retry"]
    again.revoke()
    tasks.hooked.using(max_retries=0).enqueue("fail")
    drain("--processes", "1")
    assert notes()[1:] == ["failure failed ValueError: it broke"]


def test_a_value_that_cannot_be_stored_is_a_failure_whose_error_tells_why(drain):
    tasks.hooked.using(max_retries=0).enqueue("unstorable")
    drain("--processes", "1")
    (note,) = notes()
    assert note.startswith("failure failed TaskFailed: Task #")
    assert "the return value" in note


def test_a_cancelled_or_snoozed_attempt_tells_nobody(drain):
    cancelled, snoozed = tasks.hooked.enqueue("cancel"), tasks.hooked.enqueue("snooze")
    drain("--processes", "1")
    cancelled.refresh()
    snoozed.refresh()
    assert (cancelled.state, snoozed.state) == (TaskState.CANCELLED, TaskState.PENDING)
    assert notes() == []


def test_a_retry_that_a_cancel_turned_into_cancelled_tells_nobody(run_worker, tmp_path):
    worker = run_worker("--processes", "1")
    path = tmp_path / "begun"
    result = tasks.hooked.enqueue("wait", str(path))
    eventually(path.exists, timeout=20)
    result.revoke("enough")
    assert result.wait(20)
    assert result.state == TaskState.CANCELLED
    worker.stop()
    assert notes() == []


def test_a_hook_that_breaks_changes_nothing_and_is_heard_of(drain):
    broken, fine = tasks.hook_that_breaks.enqueue(), tasks.hooked.enqueue()
    output = drain("--processes", "1")
    assert broken.get(timeout=0) == "fine"
    assert fine.get(timeout=0) == "succeed"
    assert "The hook on_success of task" in output
    (told,) = [line for line in lines() if line.startswith("The hook on_success failed:")]
    assert told.endswith("SystemExit: the hook broke\n")
    assert "workers" not in told


def test_a_hook_has_the_time_of_an_attempt(drain):
    result, following = tasks.hook_that_stays.enqueue(), tasks.hooked.enqueue()
    output = drain("--processes", "1")
    assert (result.get(timeout=0), following.get(timeout=0)) == ("fine", "succeed")
    assert "TaskTimeout" in output


def test_a_hook_that_cannot_be_stopped_is_killed_and_costs_no_task_anything(run_worker):
    run_worker("--processes", "1")
    result, following = tasks.hook_that_cannot_be_stopped.enqueue(), tasks.hooked.enqueue()
    assert following.get(timeout=30) == "succeed"
    assert result.get(timeout=0) == "fine"
    assert set(Task.objects.values_list("losses", "failures")) == {(0, 0)}


def test_a_worker_that_is_told_to_stop_lets_a_hook_end_and_keeps_its_lines(run_worker, tmp_path):
    worker = run_worker("--processes", "1")
    path = tmp_path / "begun"
    tasks.hook_that_takes_time.enqueue(str(path))
    eventually(path.exists, timeout=20)
    worker.send(signal.SIGTERM)
    path.with_name("begun.go").touch()
    assert worker.wait() == 0
    assert lines() == ["the hook is done"]


def test_the_hook_of_an_atomic_task_is_called_after_its_commit(drain):
    tasks.hooked_atomically.enqueue()
    drain("--processes", "1")
    assert notes() == ["in the task's transaction", "success succeeded"]
    assert not connection.in_atomic_block


def test_an_attempt_does_not_answer_for_the_hook_of_the_one_before_it(run_worker):
    run_worker("--threads", "2")
    result = tasks.retried_beside_its_hook.enqueue()
    assert result.get(timeout=30) == "fine"
    rows = Result.objects.filter(task_id=int(result.id)).order_by("claim_no")
    assert list(rows.values_list("outcome", flat=True)) == ["retrying", "interrupted", "succeeded"]
