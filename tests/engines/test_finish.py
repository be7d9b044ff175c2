"""Finishing: each way an attempt can end, and one bad outcome among many good ones."""

from datetime import timedelta

import pytest
from django.db import transaction

from taskhub import queue
from taskhub.models import Outcome, Result, Task
from taskhub.states import TaskState, WaitsFor
from tests.engines.builders import (
    claim,
    ending,
    enqueue,
    finish,
    given_back,
    make_task,
    state_of,
)

pytestmark = pytest.mark.django_db

O, S = Outcome, TaskState  # noqa: E741
# the state of the task, its counters (attempt, failures, losses, interruptions) and what it waits for
ENDS = {
    O.SUCCEEDED: (S.SUCCEEDED, (1, 0, 0, 0), WaitsFor.NOTHING),
    O.FAILED: (S.FAILED, (1, 1, 0, 0), WaitsFor.NOTHING),
    O.RETRYING: (S.RETRYING, (1, 1, 0, 0), WaitsFor.TIME),
    O.CANCELLED: (S.CANCELLED, (1, 0, 0, 0), WaitsFor.NOTHING),
    O.LOST: (S.QUEUED, (1, 0, 1, 0), WaitsFor.NOTHING),
    O.INTERRUPTED: (S.QUEUED, (1, 0, 0, 1), WaitsFor.NOTHING),
    O.SNOOZED: (S.PENDING, (0, 0, 0, 0), WaitsFor.TIME),
    O.RELEASED: (S.QUEUED, (0, 0, 0, 0), WaitsFor.NOTHING),
}


def counters(task):
    return (task.attempt, task.failures, task.losses, task.interruptions)


@pytest.mark.parametrize("outcome", Outcome, ids=lambda outcome: outcome.value)
def test_each_outcome_writes_the_task_and_its_result(outcome, worker):
    (task_id,) = enqueue()
    (one,) = claim(worker)
    end = ending(one, outcome)
    assert finish(worker, [end]) == [end]
    task = Task.objects.get(id=task_id)
    assert (task.state, counters(task), task.waits_for) == ENDS[outcome]
    assert (task.worker_id, task.claim_no, task.started_at) == (None, 1, end.started_at)
    assert task.finished_at == (end.finished_at if task.state in queue_ends() else None)
    (row,) = Result.objects.filter(task=task)
    assert (row.outcome, row.claim_no, row.attempt) == (outcome, 1, 1)
    assert (row.value, row.error_class) == (1 if outcome == O.SUCCEEDED else None, end.error_class)
    assert (row.message, row.worker_id, row.worker_name) == (end.message, worker.pk, "w1/1")
    assert (row.started_at, row.finished_at) == (end.started_at, end.finished_at)


def queue_ends():
    return {state for state in TaskState if state.is_finished}


def test_a_claim_given_back_leaves_no_trace_but_its_number(worker):
    (task_id,) = enqueue()
    before = Task.objects.filter(id=task_id).values().get()
    (one,) = claim(worker)
    assert finish(worker, [given_back(one)])
    after = Task.objects.filter(id=task_id).values().get()
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"claim_no"}
    assert not Result.objects.exists()


@pytest.mark.parametrize("outcome", [O.RETRYING, O.SNOOZED])
def test_what_is_to_run_later_waits_for_its_time(worker, outcome):
    (task_id,) = enqueue()
    end = ending(claim(worker)[0], outcome, delay=12.5)
    finish(worker, [end])
    task = Task.objects.get(id=task_id)
    assert task.run_after == end.finished_at + timedelta(seconds=12.5)
    assert task.waits_for == WaitsFor.TIME
    assert claim(worker) == []


@pytest.mark.parametrize("outcome", Outcome, ids=lambda outcome: outcome.value)
def test_the_unique_key_is_free_when_the_task_is_over_and_not_before(worker, outcome):
    task = make_task(unique_lock="invoice:7")
    finish(worker, [ending(claim(worker)[0], outcome)])
    is_over = state_of(task.pk).is_finished
    assert Task.objects.get(pk=task.pk).unique_lock == (None if is_over else "invoice:7")


def test_the_unique_key_is_free_after_cancel_and_expiry_too(worker):
    first = make_task(unique_lock="one")
    queue.cancel(first.pk)
    second = make_task(unique_lock="one", expires_at=first.enqueued_at)
    assert queue.expire_overdue() == 1
    make_task(unique_lock="one")
    assert (state_of(first.pk), state_of(second.pk)) == (S.CANCELLED, S.EXPIRED)


def test_values_come_back_as_they_went_in(worker):
    values = ['{"a":[1,2.5,null,true],"ü":"🐘"}', "[]", '"text"', "0", "false", None]
    enqueue(len(values))
    claims = claim(worker, len(values))
    finish(worker, [ending(one, value=text) for one, text in zip(claims, values, strict=True)])
    stored = Result.objects.order_by("task_id").values_list("value", flat=True)
    expected = [{"a": [1, 2.5, None, True], "ü": "🐘"}, [], "text", 0, False, None]
    assert list(stored) == expected


def test_a_mixed_batch_is_recorded_as_a_whole(worker):
    enqueue(9)
    claims = claim(worker, 9)
    ends = [ending(one, outcome) for one, outcome in zip(claims, Outcome, strict=False)]
    ends.append(given_back(claims[-1]))
    recorded = finish(worker, reversed(ends))
    assert {end.task_id for end in recorded} == {end.task_id for end in ends}
    for end in ends:
        assert state_of(end.task_id) == end.state
    assert Result.objects.count() == 8


def test_an_error_in_a_mixed_batch_leaves_nothing_half_recorded(worker, hub):
    enqueue(3)
    first, second, third = claim(worker, 3)
    batch = [ending(first, O.RETRYING), ending(second), ending(third, value="{not json")]
    with pytest.raises(Exception, match=r"."), transaction.atomic():
        hub.finish(worker.pk, worker.name, batch)
    assert not Result.objects.exists()
    assert Task.objects.filter(state="running").count() == 3


def test_a_refused_outcome_leaves_the_callers_transaction_usable(worker, hub):
    """An atomic task records its outcome inside its own transaction."""
    enqueue()
    (one,) = claim(worker)
    with transaction.atomic():
        (recorded,) = finish(worker, [ending(one, value="{not json")])
        assert Task.objects.count() == 1
    assert recorded.state == state_of(one.id) == S.FAILED


POISONS = {
    "text that is not JSON": ({"value": "{not json"}, {"sqlite", "postgresql", "mysql"}),
    "a lone surrogate in the value": ({"value": '"\ud800"'}, {"sqlite", "postgresql", "mysql"}),
    "a lone surrogate in the message": ({"message": "\ud800"}, {"sqlite", "postgresql", "mysql"}),
    "a lone surrogate in the traceback": (
        {"traceback": "\udfff"},
        {"sqlite", "postgresql", "mysql"},
    ),
    "a NUL in the message": ({"message": "a\x00b"}, {"postgresql"}),
    "a NUL in the traceback": ({"traceback": "a\x00b"}, {"postgresql"}),
    "a NUL escaped in the value": ({"value": '"\\u0000"'}, {"postgresql"}),
    "a NUL in the value": ({"value": '"\x00"'}, {"sqlite", "postgresql", "mysql"}),
    "a reason that is too long": ({"reason": "x" * 501}, {"postgresql", "mysql"}),
    "a class name that is too long": ({"error_class": "x" * 256}, {"postgresql", "mysql"}),
}


@pytest.mark.parametrize("outcome", [O.SUCCEEDED, O.FAILED, O.RETRYING])
@pytest.mark.parametrize("poison", POISONS)
def test_one_poisoned_outcome_of_a_hundred_fails_alone(poison, outcome, worker, engine):
    columns, refused_by = POISONS[poison]
    enqueue(100)
    claims = claim(worker, 100)
    ends = [ending(one) for one in claims]
    ends[37] = ending(claims[37], outcome, **columns)
    recorded = finish(worker, ends)

    assert sorted(end.task_id for end in recorded) == [one.id for one in claims]
    assert Result.objects.count() == 100
    bad = Result.objects.select_related("task").get(task_id=claims[37].id)
    if engine in refused_by:
        assert (bad.task.state, bad.task.attempt, bad.task.failures) == (S.FAILED, 1, 1)
        assert (bad.outcome, bad.error_class) == (O.FAILED, "taskhub.errors.ResultNotStorable")
        assert f"ended as {outcome}" in bad.message
        assert bad.value is None
    else:
        assert (bad.task.state, bad.outcome) == (ending(claims[37], outcome).state, outcome)
    assert Task.objects.filter(state=S.SUCCEEDED).exclude(id=claims[37].id).count() == 99


def test_several_poisoned_outcomes_fail_and_the_rest_of_the_batch_is_recorded(worker):
    enqueue(60)
    claims = claim(worker, 60)
    bad = {0, 1, 29, 30, 59}
    ends = [
        ending(one, O.RETRYING if number % 3 else O.SUCCEEDED)
        if number not in bad
        else ending(one, value="\ud800")
        for number, one in enumerate(claims)
    ]
    recorded = finish(worker, ends)
    assert len({end.task_id for end in recorded}) == 60
    failed = Task.objects.filter(state=S.FAILED).values_list("id", flat=True)
    assert set(failed) == {claims[number].id for number in bad}
    assert not Task.objects.filter(state=S.RUNNING).exists()


def test_a_poisoned_snooze_fails_and_spends_its_attempt(worker):
    (task_id,) = enqueue()
    (recorded,) = finish(worker, [ending(claim(worker)[0], O.SNOOZED, message="\ud800")])
    task = Task.objects.get(id=task_id)
    assert (recorded.state, task.state, task.attempt) == (S.FAILED, S.FAILED, 1)
    assert task.waits_for == WaitsFor.NOTHING
