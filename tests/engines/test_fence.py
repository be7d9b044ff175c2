"""The fence: what a claim writes counts only while nobody has claimed the task after it."""

import logging
from contextlib import contextmanager

import pytest
from django.db import IntegrityError, connection, transaction

from taskhub import queue
from taskhub.models import Outcome, Result, Task
from taskhub.states import TaskState
from tests.engines.builders import (
    ago,
    claim,
    ending,
    enqueue,
    finish,
    given_back,
    make_task,
    state_of,
)
from tests.helpers import acting_as, in_thread

pytestmark = pytest.mark.django_db


def outcomes_of(task_id):
    rows = Result.objects.filter(task_id=task_id).order_by("claim_no")
    return list(rows.values_list("claim_no", "outcome"))


def make_due(task_id):
    Task.objects.filter(id=task_id).update(run_after=ago(1))
    assert queue.promote_due() == 1


def test_each_claim_gets_a_number_of_its_own(worker):
    (task_id,) = enqueue()
    numbers = []
    for _ in range(3):
        (one,) = claim(worker)
        numbers.append(one.claim_no)
        assert finish(worker, [given_back(one)])
    assert numbers == [1, 2, 3]
    task = Task.objects.get(id=task_id)
    assert (task.claim_no, task.attempt) == (3, 0)


def test_a_retry_by_a_person_does_not_reset_the_number(worker):
    (task_id,) = enqueue()
    (first,) = claim(worker)
    finish(worker, [ending(first, Outcome.FAILED)])
    queue.retry(task_id)
    (second,) = claim(worker)
    assert second.claim_no == 2
    assert finish(worker, [ending(first)]) == []
    assert state_of(task_id) == TaskState.RUNNING


def test_a_flush_replayed_after_snooze_and_claim_is_refused(worker, caplog):
    (task_id,) = enqueue()
    (first,) = claim(worker)
    snoozed = ending(first, Outcome.SNOOZED)
    assert finish(worker, [snoozed]) == [snoozed]
    make_due(task_id)
    (second,) = claim(worker)
    assert (second.claim_no, second.attempt) == (first.claim_no + 1, first.attempt)

    with caplog.at_level(logging.WARNING, "taskhub.queue"):
        assert finish(worker, [snoozed]) == []
    assert "StaleClaim" in caplog.text
    assert state_of(task_id) == TaskState.RUNNING
    assert finish(worker, [ending(second)])
    assert outcomes_of(task_id) == [(1, "snoozed"), (2, "succeeded")]


def test_a_flush_of_a_claim_that_was_given_back_is_refused(worker):
    (task_id,) = enqueue()
    (first,) = claim(worker)
    finish(worker, [given_back(first)])
    assert finish(worker, [ending(first)]) == []
    (second,) = claim(worker)
    assert second.attempt == first.attempt == 1
    assert finish(worker, [ending(first), given_back(first)]) == []
    assert state_of(task_id) == TaskState.RUNNING
    assert finish(worker, [ending(second, Outcome.FAILED)])
    assert outcomes_of(task_id) == [(2, "failed")]


@pytest.mark.parametrize("is_stale_first", [True, False])
def test_a_stale_ending_does_not_push_out_the_true_one_in_its_batch(worker, is_stale_first):
    (task_id,) = enqueue()
    (first,) = claim(worker)
    finish(worker, [given_back(first)])
    (second,) = claim(worker)
    stale, true = ending(first, Outcome.FAILED), ending(second)
    batch = [stale, true] if is_stale_first else [true, stale]
    assert finish(worker, batch) == [true]
    assert outcomes_of(task_id) == [(2, "succeeded")]


def test_an_outcome_is_recorded_once_however_often_it_is_flushed(worker):
    (task_id,) = enqueue()
    (one,) = claim(worker)
    end = ending(one)
    assert finish(worker, [end]) == [end]
    assert finish(worker, [end]) == []
    assert finish(worker, [ending(one, Outcome.FAILED), end]) == []
    assert outcomes_of(task_id) == [(1, "succeeded")]


def test_one_claim_that_ends_twice_in_a_batch_is_recorded_once(worker):
    first_id, second_id = enqueue(2)
    first, second = claim(worker, 2)
    finish(worker, [ending(first), ending(first, Outcome.FAILED), ending(second)])
    assert len(outcomes_of(first_id)) == 1
    assert state_of(first_id) == outcomes_of(first_id)[0][1]
    assert outcomes_of(second_id) == [(1, "succeeded")]


def test_the_table_of_results_refuses_a_second_outcome_of_a_claim(worker):
    (task_id,) = enqueue()
    finish(worker, [ending(claim(worker)[0])])
    row = Result.objects.get(task_id=task_id)
    row.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


def test_another_worker_cannot_end_a_claim(worker, rival):
    (task_id,) = enqueue()
    (one,) = claim(worker)
    assert finish(rival, [ending(one)]) == []
    assert state_of(task_id) == TaskState.RUNNING


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_that_hold_the_same_task_one_records_an_outcome(
    worker, rival, second_connection
):
    (task_id,) = enqueue()
    (lost,) = claim(worker)
    with acting_as(second_connection):
        queue.rescue_child(worker, {task_id}, "was declared lost")
        (taken_over,) = claim(rival)
    assert finish(worker, [ending(lost)]) == []
    with acting_as(second_connection):
        assert finish(rival, [ending(taken_over, value='"mine"')])
    assert finish(worker, [ending(lost)]) == []
    assert outcomes_of(task_id) == [(1, "lost"), (2, "succeeded")]
    assert Result.objects.get(task_id=task_id, claim_no=2).value == "mine"


@pytest.mark.django_db(transaction=True)
def test_a_flush_that_waits_for_a_rescue_finds_that_it_has_lost(worker):
    """The row is locked by the rescuer; the flush waits for it and must look at the row anew."""
    (task_id,) = enqueue()
    (one,) = claim(worker)
    with transaction.atomic():
        queue.rescue_child(worker, {task_id}, "was declared lost")
        flushed = in_thread(finish, worker, [ending(one)])
    assert flushed.result(20) == []
    assert outcomes_of(task_id) == [(1, "lost")]
    assert state_of(task_id) == TaskState.QUEUED


@pytest.mark.django_db(transaction=True)
def test_of_flush_and_rescue_at_once_exactly_one_is_recorded(worker):
    for _ in range(40):
        (task_id,) = enqueue()
        (one,) = claim(worker)
        racers = [
            in_thread(finish, worker, [ending(one)]),
            in_thread(queue.rescue_child, worker, {task_id}, "was declared lost"),
        ]
        recorded = [end for racer in racers for end in racer.result(20)]
        assert len(recorded) == 1
        assert outcomes_of(task_id) == [(1, recorded[0].outcome)]
        assert state_of(task_id) == recorded[0].state
        queue.cancel_where(Task.objects.filter(id=task_id))


def test_success_after_a_cancel_request_is_success(worker):
    (task_id,) = enqueue()
    (one,) = claim(worker)
    assert queue.cancel(task_id, "too late") == TaskState.RUNNING
    end = ending(one)
    assert finish(worker, [end]) == [end]
    task = Task.objects.get(id=task_id)
    assert task.state == TaskState.SUCCEEDED
    assert task.cancel_requested_at is not None


@pytest.mark.parametrize("outcome", [Outcome.RETRYING, Outcome.SNOOZED, Outcome.RELEASED])
def test_what_would_go_on_after_a_cancel_request_ends_as_cancelled(worker, outcome):
    (task_id,) = enqueue()
    (one,) = claim(worker)
    queue.cancel(task_id, "enough")
    (recorded,) = finish(worker, [ending(one, outcome)])
    assert (recorded.state, recorded.outcome) == (TaskState.CANCELLED, Outcome.CANCELLED)
    task = Task.objects.get(id=task_id)
    assert (task.state, task.reason, task.attempt) == (TaskState.CANCELLED, "enough", 1)
    assert outcomes_of(task_id) == [(1, "cancelled")]


def test_a_claim_given_back_after_a_cancel_request_ends_without_an_attempt(worker):
    (task_id,) = enqueue()
    (one,) = claim(worker)
    queue.cancel(task_id, "enough")
    (recorded,) = finish(worker, [given_back(one)])
    assert recorded.state == TaskState.CANCELLED
    task = Task.objects.get(id=task_id)
    assert (task.state, task.reason, task.attempt) == (TaskState.CANCELLED, "enough", 0)
    assert outcomes_of(task_id) == []


def test_a_cancel_asked_once_keeps_its_first_time_and_reason(worker):
    task = make_task(TaskState.RUNNING, worker)
    assert queue.cancel(task.pk, "first") == TaskState.RUNNING
    first = Task.objects.get(pk=task.pk)
    assert queue.cancel(task.pk, "second") == TaskState.RUNNING
    again = Task.objects.get(pk=task.pk)
    assert (again.reason, again.cancel_requested_at) == ("first", first.cancel_requested_at)


@contextmanager
def meanwhile(act, *args):
    """Let `act` happen in another session between a verb's choice of its tasks and its locks on them."""
    happened = []

    def beside(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if not happened and sql.startswith("SELECT"):
            happened.append(True)
            in_thread(act, *args).result(20)
        return result

    with connection.execute_wrapper(beside):
        yield
    assert happened


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("outcome", [Outcome.RETRYING, Outcome.SNOOZED, Outcome.RELEASED])
def test_a_task_that_stops_running_while_it_is_cancelled_does_not_slip_away(worker, outcome):
    (task_id,) = enqueue()
    (one,) = claim(worker)
    with meanwhile(finish, worker, [ending(one, outcome)]):
        assert queue.cancel(task_id) == TaskState.CANCELLED
    assert state_of(task_id) == TaskState.CANCELLED


@pytest.mark.django_db(transaction=True)
def test_a_task_that_is_claimed_while_it_is_cancelled_is_asked_to_stop(worker):
    (task_id,) = enqueue()
    with meanwhile(claim, worker):
        assert queue.cancel(task_id) == TaskState.RUNNING
    assert Task.objects.get(id=task_id).cancel_requested_at is not None
