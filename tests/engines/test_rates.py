"""So many starts of a task in a time, over all workers: tokens in the database."""

import math
import threading
import time
from datetime import timedelta

import pytest
from django.db import connections, transaction

from taskhub import queue
from taskhub.models import Outcome, RateBucket, Slot, Task
from taskhub.states import TaskState as S
from tests.app import tasks_limits as limits
from tests.engines.builders import ago, claim, ending, finish
from tests.helpers import acting_as, in_thread

pytestmark = pytest.mark.django_db(transaction=True)

NAME = limits.call.identifier
SLOW = limits.call.using(rate_limit="2/m")  # one token, and the next in half a minute


def states():
    return list(Task.objects.order_by("id").values_list("state", flat=True))


def wind(seconds):
    """Let so many seconds pass for all buckets."""
    for bucket in RateBucket.objects.all():
        RateBucket.objects.filter(key=bucket.key).update(
            updated_at=bucket.updated_at - timedelta(seconds=seconds)
        )


def end(worker, outcome=Outcome.SUCCEEDED, count=100):
    for one in claim(worker, count):
        finish(worker, [ending(one, outcome, ties=one.ties)])


# -- birth ----------------------------------------------------------------------------------------------------------


def test_a_burst_is_what_one_second_brings_and_the_others_wait():
    limits.call.enqueue_many([((n,), {}) for n in range(25)])
    assert states() == [S.QUEUED] * 10 + [S.PENDING] * 15
    waiting = Task.objects.filter(state=S.PENDING).first()
    assert (waiting.waits_for, waiting.waits_key) == ("rate", f"task:{NAME}")


def test_a_rate_belongs_to_its_task_and_the_last_one_given_counts():
    assert [SLOW.enqueue(n).state for n in range(3)] == [S.QUEUED, S.PENDING, S.PENDING]
    limits.call_alone.enqueue()
    faster = limits.call.using(rate_limit="60/m")
    faster.enqueue()
    bucket = RateBucket.objects.get(key=f"task:{NAME}")
    assert (bucket.capacity, bucket.per) == (1, 1.0)


def test_a_newcomer_waits_behind_those_who_wait():
    SLOW.enqueue_many([((n,), {}) for n in range(3)])
    wind(30)
    assert SLOW.enqueue(9).state == S.PENDING
    opened, _ = queue.open_gates()
    assert opened == 1
    assert states() == [S.QUEUED, S.QUEUED, S.PENDING, S.PENDING]


# -- the chore ------------------------------------------------------------------------------------------------------


def test_where_nobody_waits_it_is_one_probe(django_assert_num_queries):
    limits.call.enqueue()
    with django_assert_num_queries(1):
        assert queue.open_gates() == (0, None)


def test_it_tells_when_the_next_token_comes_and_lets_the_most_urgent_in_first():
    SLOW.enqueue_many([((n,), {}) for n in range(3)])
    urgent = SLOW.using(priority=9).enqueue(7)
    opened, seconds = queue.open_gates()
    assert opened == 0
    assert seconds == pytest.approx(30, abs=10)
    wind(30)
    assert queue.open_gates()[0] == 1
    assert Task.objects.filter(state=S.QUEUED).latest("priority").id == int(urgent.id)
    wind(3600)
    assert queue.open_gates()[0] == 1  # what was not used in time is lost: a burst stays a burst
    assert states().count(S.PENDING) == 1


def test_a_waiter_that_is_cancelled_uses_no_token():
    SLOW.enqueue_many([((n,), {}) for n in range(3)])
    queue.cancel(Task.objects.filter(state=S.PENDING).earliest("id").id)
    wind(30)
    assert queue.open_gates()[0] == 1
    assert states() == [S.QUEUED, S.CANCELLED, S.QUEUED]


def test_a_waiter_expires_like_any_other():
    SLOW.using(expires=600).enqueue_many([((n,), {}) for n in range(2)])
    Task.objects.update(expires_at=ago(1))
    assert queue.expire_overdue() == 2


def test_a_second_attempt_needs_a_token_of_its_own(worker):
    SLOW.enqueue(1)
    end(worker, Outcome.RETRYING)
    Task.objects.update(run_after=ago(1))
    queue.promote_due()
    task = Task.objects.get()
    assert (task.state, task.waits_for) == (S.RETRYING, "rate")
    wind(30)
    queue.open_gates()
    assert states() == [S.QUEUED]


def test_who_waits_for_a_token_holds_no_slot_and_the_reverse(worker):
    both = limits.call_alone.using(rate_limit="2/m")
    made = [both.enqueue(n) for n in range(3)]
    waits = list(Task.objects.order_by("id").values_list("waits_for", flat=True))
    assert (states(), waits) == ([S.QUEUED, S.PENDING, S.PENDING], ["", "slot", "slot"])
    end(worker)
    assert Slot.objects.get().used == 0
    assert set(Task.objects.filter(state=S.PENDING).values_list("waits_for", flat=True)) == {"rate"}
    wind(30)
    assert queue.open_gates()[0] == 1
    assert Slot.objects.get().used == 1
    assert Task.objects.get(id=made[1].id).state == S.QUEUED


# -- a caller's transaction -------------------------------------------------------------------------------------------


def test_in_a_transaction_of_the_caller_the_commit_opens_the_gate():
    with transaction.atomic():
        assert SLOW.enqueue(1).state == S.PENDING
        SLOW.enqueue(2)
    assert states() == [S.QUEUED, S.PENDING]


def test_without_that_the_chore_does():
    with transaction.atomic():
        SLOW.enqueue_many([((n,), {}) for n in range(2)])
        connections["default"].run_on_commit.clear()
    assert queue.open_gates()[0] == 1
    assert states() == [S.QUEUED, S.PENDING]


@pytest.mark.only_on("postgresql", "mysql")
def test_a_long_transaction_that_enqueues_holds_nobody_up(second_connection):
    limits.call.enqueue(0)
    with acting_as(second_connection), transaction.atomic():
        limits.call.enqueue(1)
        with acting_as(connections.create_connection("default")) as mine:
            assert limits.call.enqueue(2).state == S.QUEUED
            mine.close()


# -- over several workers ---------------------------------------------------------------------------------------------


def test_several_who_open_the_gates_at_once_let_in_what_the_rate_says():
    """Never more than the rate and one burst, and of what was due nearly all, whoever looks how often."""
    RATE, SECONDS, CROWD = 50, 2.0, 4
    definition = limits.call.using(rate_limit=f"{RATE}/s")
    began = time.monotonic()
    definition.enqueue_many([((n,), {}) for n in range(400)])
    over = threading.Event()

    def open_all():
        while not over.is_set():
            _, seconds = queue.open_gates()
            time.sleep(min(0.05, seconds or 0.005))

    crowd = [in_thread(open_all) for _ in range(CROWD)]
    time.sleep(SECONDS)
    over.set()
    for one in crowd:
        one.result(60)
    passed = time.monotonic() - began
    queued = Task.objects.filter(state=S.QUEUED).count()
    assert queued <= RATE + math.ceil(RATE * passed)
    assert queued >= RATE + RATE * SECONDS * 0.8, "this machine may be busy"
