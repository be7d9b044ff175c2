"""The outcomes that a task chooses by what it raises, through real workers."""

from datetime import timedelta

import pytest

from taskhub import TaskState
from taskhub.models import Result, Task
from tests.app import tasks, tasks_context

pytestmark = pytest.mark.django_db(transaction=True)


def row_of(result):
    return Task.objects.get(id=int(result.id))


def test_a_retry_that_the_task_asks_for_comes_after_its_delay(drain):
    result = tasks_context.ask_for_retries.enqueue(3600)
    drain("--processes", "1")
    row = row_of(result)
    assert (row.state, row.failures, row.attempt) == (TaskState.RETRYING, 1, 1)
    attempt = Result.objects.get()
    assert row.run_after - attempt.finished_at == timedelta(seconds=3600)
    assert (attempt.outcome, attempt.message) == ("retrying", "not yet")


def test_a_retry_that_the_task_asks_for_counts_and_without_any_left_it_fails(run_worker):
    run_worker("--processes", "1")
    result = tasks_context.ask_for_retries.enqueue(0)
    assert result.wait(20)
    assert (result.state, result.attempts) == (TaskState.FAILED, 2)
    assert [error.exception_class_path for error in result.errors] == [
        "taskhub.errors.RetryTask"
    ] * 2


def test_a_delay_that_is_none_fails_the_attempt_and_says_so(drain):
    result = tasks_context.ask_for_nonsense.enqueue()
    drain("--processes", "1")
    result.refresh()
    assert result.state == TaskState.FAILED
    assert "delay=-1: expected a number of seconds" in result.errors[0].message


def test_a_snooze_spends_no_retry_and_is_no_error(run_worker, tmp_path):
    run_worker("--processes", "1")
    result = tasks.snooze_once.using(max_retries=0).enqueue(str(tmp_path / "snoozed"))
    assert result.get(timeout=20) == 1
    assert (row_of(result).failures, result.errors) == (0, [])
    outcomes = Result.objects.order_by("claim_no").values_list("outcome", "error_class")
    assert list(outcomes) == [("snoozed", ""), ("succeeded", "")]


def test_a_task_that_cancels_itself_is_not_retried_and_may_be_by_a_person(drain):
    result = tasks.cancel_itself.using(max_retries=5).enqueue()
    drain("--processes", "1")
    result.refresh()
    assert (result.state, result.reason, result.attempts) == (
        TaskState.CANCELLED, "nothing to do", 1,
    )  # fmt: skip
    result.retry()
    assert result.state == TaskState.QUEUED
