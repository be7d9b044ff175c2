"""Steps: fenced like an outcome, done once over all claims, and gone with their task."""

import json

import pytest
from django.db import transaction

from taskhub import queue
from taskhub.engines import get_engine
from taskhub.errors import IllegalTransition, StaleClaim
from taskhub.models import Outcome, Step
from taskhub.queue.steps import add_step, find_step, forget_steps, load_steps, save_step
from taskhub.states import TaskState
from tests.engines.builders import claim, ending, enqueue, finish, given_back, make_task
from tests.helpers import acting_as, in_thread

pytestmark = pytest.mark.django_db


def save(claimed, name, value):
    return save_step(get_engine(), claimed, name, json.dumps(value))


@pytest.fixture
def claimed(worker):
    enqueue()
    return claim(worker)[0]


@pytest.mark.parametrize("value", [None, 0, "é🙂", [1, {"a": None}], 2**53], ids=repr)
def test_what_a_step_gave_is_found_by_later_claims(claimed, worker, value):
    assert find_step(get_engine(), claimed.id, "a") is None
    assert json.loads(save(claimed, "a", value)) == value
    finish(worker, [ending(claimed, Outcome.FAILED)])
    queue.retry(claimed.id)
    (again,) = claim(worker)
    assert {n: json.loads(t) for n, t in load_steps(get_engine(), again.id).items()} == {"a": value}


def test_a_step_that_is_recorded_twice_keeps_its_first_value(claimed):
    assert json.loads(save(claimed, "a", 1)) == 1
    assert json.loads(save(claimed, "a", 2)) == 1, "an answer that was lost on its way"
    assert Step.objects.get().value == 1


def test_an_earlier_claim_records_nothing(claimed, worker):
    finish(worker, [given_back(claimed)])
    assert save(claimed, "a", 1) is None
    claim(worker)
    assert save(claimed, "a", 1) is None
    with pytest.raises(StaleClaim), transaction.atomic():
        add_step(get_engine(), claimed, "a", "1")
    assert not Step.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.only_on("postgresql", "mysql")
def test_of_two_claims_that_do_a_step_in_their_transactions_one_commits(
    claimed, worker, rival, second_connection
):
    with transaction.atomic():
        add_step(get_engine(), claimed, "a", "1")
        with acting_as(second_connection):
            queue.rescue_child(worker, {claimed.id}, "was declared lost")
            (taken_over,) = claim(rival)
        other = in_thread(_add_in_a_transaction, taken_over)
    with pytest.raises(StaleClaim, match="another claim has done the step 'a'"):
        other.result(20)
    assert Step.objects.get().attempt == claimed.attempt


def _add_in_a_transaction(claimed):
    with transaction.atomic():
        add_step(get_engine(), claimed, "a", "2")


def test_retry_from_a_step_forgets_it_and_those_after_it(claimed, worker):
    for name in ("a", "b", "c"):
        save(claimed, name, name)
    with pytest.raises(IllegalTransition):
        queue.retry(claimed.id, from_step="b")
    assert Step.objects.count() == 3
    finish(worker, [ending(claimed, Outcome.FAILED)])
    queue.retry(claimed.id, from_step="b")
    assert list(load_steps(get_engine(), claimed.id)) == ["a"]


def test_only_the_tasks_own_steps_are_forgotten(claimed, worker):
    enqueue()
    (other,) = claim(worker)
    for one in (claimed, other):
        save(one, "a", 1)
    forget_steps([other.id], "a")
    assert Step.objects.get().task_id == claimed.id


def test_steps_go_with_their_task():
    task = make_task(TaskState.SUCCEEDED)
    Step.objects.create(task=task, name="a", attempt=1, finished_at=task.enqueued_at)
    assert queue.prune(terms={TaskState.SUCCEEDED: 0}) == 1
    assert not Step.objects.exists()
