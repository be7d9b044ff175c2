"""Finish against cancel by tag on the same tasks: locks are taken in one order, so nobody is chosen to die."""

import random
import threading

import pytest

from taskhub import queue
from taskhub.models import Outcome, Result, Task, TaskTag
from taskhub.states import FINISHED, TaskState
from tests.engines.builders import claim_of, ending, finish, given_back, new_task
from tests.helpers import in_thread

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS, RUNNING, WAITING = 1000, 4, 2
SECONDS = 300  # a bound for the slowest machine; a round takes about 7 ms
KINDS = [
    lambda one: ending(one),
    lambda one: ending(one, Outcome.FAILED),
    lambda one: ending(one, Outcome.RETRYING),
    lambda one: ending(one, Outcome.SNOOZED),
    given_back,
]


def prepare(worker):
    """Make the tasks of all rounds; those of a round share a tag."""
    rows = []
    for _ in range(ROUNDS):
        states = [TaskState.RUNNING] * RUNNING + [TaskState.QUEUED] * WAITING
        random.shuffle(states)
        rows += [new_task(state, worker) for state in states]
    Task.objects.bulk_create(rows, batch_size=500)
    made = list(Task.objects.order_by("id"))
    size = RUNNING + WAITING
    rounds = [made[start : start + size] for start in range(0, len(made), size)]
    tags = [
        TaskTag(task=task, name=f"round-{number}")
        for number, part in enumerate(rounds)
        for task in part
    ]
    TaskTag.objects.bulk_create(tags, batch_size=1000)
    return rounds


def ends_of(part):
    """The endings of a round's running tasks, in no order."""
    running = [task for task in part if task.state == TaskState.RUNNING]
    random.shuffle(running)
    return [random.choice(KINDS)(claim_of(task)) for task in running]


def test_finish_and_cancel_by_tag_meet_a_thousand_times_without_a_deadlock(worker):
    rounds = prepare(worker)
    batches = [ends_of(part) for part in rounds]
    meet = threading.Barrier(2, timeout=SECONDS)

    def finish_all():
        recorded = 0
        for batch in batches:
            meet.wait()
            recorded += len(finish(worker, batch))
        return recorded

    def cancel_all():
        touched = 0
        for number in range(ROUNDS):
            meet.wait()
            touched += queue.cancel_by_tag(f"round-{number}", "the race")
        return touched

    finishing, cancelling = in_thread(finish_all), in_thread(cancel_all)
    recorded, touched = finishing.result(SECONDS), cancelling.result(SECONDS)

    assert recorded == ROUNDS * RUNNING
    assert ROUNDS * WAITING <= touched <= len(rounds) * (RUNNING + WAITING)
    states = set(Task.objects.values_list("state", flat=True).order_by().distinct())
    assert states <= FINISHED, f"some are still {states - FINISHED}"
    check_rows(batches)


def check_rows(batches):
    """What each task's row says is what its results say."""
    told = {end.task_id: end for batch in batches for end in batch}
    results = {row.task_id: row for row in Result.objects.all()}
    assert Result.objects.count() == len(results)
    for task in Task.objects.all():
        end, result = told.get(task.pk), results.get(task.pk)
        assert task.finished_at is not None
        assert task.worker_id is None
        if end is None:
            assert (task.state, result) == (TaskState.CANCELLED, None)
        elif end.state in FINISHED:
            assert (task.state, result.outcome) == (end.state, end.outcome)
        else:
            assert task.state == TaskState.CANCELLED
            assert (result is None) == (end.outcome is None)
            if result is not None:  # cancelled by its end, or after it
                asked = task.cancel_requested_at is not None
                assert result.outcome == (Outcome.CANCELLED if asked else end.outcome)
