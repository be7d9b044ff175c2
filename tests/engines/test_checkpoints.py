"""Checkpoints: fenced like an outcome, so that only the claim that holds a task writes for it."""

import json

import pytest
from django.db import transaction

from taskhub import queue
from taskhub.engines import get_engine
from taskhub.models import Checkpoint, Outcome
from tests.engines.builders import claim, ending, enqueue, finish, given_back
from tests.helpers import acting_as, in_thread

pytestmark = pytest.mark.django_db


def save(claimed, worker, value):
    return queue.save_checkpoint(
        get_engine(), claimed.id, claimed.claim_no, worker.pk, claimed.attempt, json.dumps(value)
    )


def load(task_id):
    text = queue.load_checkpoint(get_engine(), task_id)
    return None if text is None else json.loads(text)


@pytest.fixture
def claimed(worker):
    enqueue()
    return claim(worker)[0]


@pytest.mark.parametrize(
    "value", [0, None, "é🙂", [1, {"a": [None, 1.5]}], {}, 2**53, "x" * 200_000], ids=repr
)
def test_what_is_saved_is_loaded(claimed, worker, value):
    assert queue.load_checkpoint(get_engine(), claimed.id) is None
    assert save(claimed, worker, value)
    assert load(claimed.id) == value
    assert queue.load_checkpoint(get_engine(), claimed.id) is not None, "also where it is null"


def test_the_newest_takes_the_place_of_those_before_and_says_which_attempt_it_is_of(
    claimed, worker
):
    assert save(claimed, worker, 1)
    finish(worker, [ending(claimed, Outcome.FAILED)])
    queue.retry(claimed.id)
    (again,) = claim(worker)
    assert Checkpoint.objects.get().attempt == 1
    assert load(claimed.id) == 1
    assert save(again, worker, 2)
    row = Checkpoint.objects.get()
    assert (row.value, row.attempt) == (2, 2)


def test_another_worker_or_an_earlier_claim_writes_nothing(claimed, worker, rival):
    assert not save(claimed, rival, "not mine")
    assert save(claimed, worker, "mine")
    finish(worker, [given_back(claimed)])
    assert not save(claimed, worker, "given back")
    (again,) = claim(worker)
    assert not save(claimed, worker, "an earlier claim")
    assert save(again, worker, "the claim that holds it")
    finish(worker, [ending(again)])
    assert not save(again, worker, "ended")
    assert load(claimed.id) == "the claim that holds it"


@pytest.mark.django_db(transaction=True)
def test_a_worker_frozen_past_its_lease_does_not_overwrite_its_successors_checkpoint(
    claimed, worker, rival, second_connection
):
    assert save(claimed, worker, "first")
    with acting_as(second_connection):
        queue.rescue_child(worker, {claimed.id}, "was declared lost")
        (taken_over,) = claim(rival)
        assert save(taken_over, rival, "second")
    assert not save(claimed, worker, "too late")
    assert load(claimed.id) == "second"


@pytest.mark.django_db(transaction=True)
def test_a_save_that_waits_for_a_rescue_finds_that_it_has_lost(claimed, worker):
    """The row is locked by the rescuer; the save waits for it and must look at the row anew."""
    with transaction.atomic():
        queue.rescue_child(worker, {claimed.id}, "was declared lost")
        saved = in_thread(save, claimed, worker, "too late")
    assert saved.result(20) is False
    assert load(claimed.id) is None
