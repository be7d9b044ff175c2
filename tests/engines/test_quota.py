"""What an operator allows a queue: so many waiting tasks, so many starts in a time."""

import threading
import time
from contextlib import nullcontext

import pytest
from django.db import transaction

from taskhub import group, monitor, queue
from taskhub.engines import get_engine
from taskhub.errors import InvalidOption, QueueFull
from taskhub.models import Queue, RateBucket, Task
from taskhub.queue import quota
from taskhub.queue.claim import Shares
from taskhub.states import TaskState as S
from tests.app import tasks, tasks_flow
from tests.app import tasks_limits as limits
from tests.engines.builders import claim, enqueue, make_worker
from tests.helpers import in_thread

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_is_remembered():
    quota.forget()
    yield
    quota.forget()


# -- setting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, -1, 1.5, True, "10"])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(
        InvalidOption, match=r"set_limits\('mail', …\): max_size=.* whole number above"
    ):
        monitor.set_limits("mail", max_size=size)


@pytest.mark.parametrize("rate", ["5", "fast", 5])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(InvalidOption, match=r"set_limits\('mail', …\): rate=.* a rate such as"):
        monitor.set_limits("mail", rate=rate)


def test_what_is_not_given_stays_and_none_takes_away():
    monitor.set_limits("mail", max_size=10, rate="5/s")
    monitor.set_limits("mail", max_size=20)
    row = Queue.objects.get(name="mail")
    assert (row.max_size, row.rate) == (20, "5/s")
    monitor.set_limits("mail", rate=None, max_size=None)
    row.refresh_from_db()
    assert (row.max_size, row.rate) == (None, "")
    assert not RateBucket.objects.exists()
    assert not quota.quotas(get_engine())


@pytest.mark.parametrize("outer", [nullcontext, transaction.atomic])
def test_a_rollback_takes_limits_back_at_once(outer):
    with outer():
        with pytest.raises(InvalidOption), transaction.atomic():
            monitor.set_limits("mail", max_size=5)
            assert quota.quotas(get_engine())["mail"].max_size == 5
            monitor.set_limits("mail", max_size=0)
        assert not quota.quotas(get_engine())


# -- max_size -------------------------------------------------------------------------------------------------------


def test_a_full_queue_refuses_more_and_says_where_its_limit_is_set(worker):
    monitor.set_limits("default", max_size=3)
    enqueue(2)
    tasks.add.using(countdown=60).enqueue(1)
    with pytest.raises(
        QueueFull, match=r"'default' holds 3 .* limit of 3; .*set_limits\('default', max"
    ):
        tasks.add.enqueue(1)
    tasks.add.using(queue_name="other").enqueue(1)
    claim(worker)
    quota.forget()
    tasks.add.enqueue(1)
    assert Task.objects.count() == 5


def test_a_duplicate_needs_no_room():
    monitor.set_limits("default", max_size=1)
    live = limits.sync_user.enqueue(7)
    quota.forget()
    assert limits.sync_user.enqueue(7).id == live.id
    assert [one.id for one in limits.sync_user.enqueue_many([((7,), {})] * 2)] == [live.id] * 2
    with pytest.raises(QueueFull):
        limits.sync_user.enqueue(8)


def test_those_who_wait_before_a_gate_fill_it_too():
    monitor.set_limits("default", max_size=4)
    limits.export.enqueue_many([(("a",), {})] * 4)
    with pytest.raises(QueueFull):
        tasks.add.enqueue(1)


def test_many_and_workflows_are_refused_as_a_whole():
    monitor.set_limits("default", max_size=3)
    with pytest.raises(QueueFull, match="holds 0 waiting tasks, and 4 more"):
        enqueue(4)
    with pytest.raises(QueueFull):
        group([tasks_flow.one.s() for _ in range(4)]).enqueue()
    enqueue(3)
    assert Task.objects.count() == 3


def test_a_site_without_limits_pays_one_look_a_second(django_assert_num_queries):
    tasks.add.enqueue(1)
    with django_assert_num_queries(3):
        for _ in range(3):
            tasks.add.enqueue(1)


# -- rate -----------------------------------------------------------------------------------------------------------


def test_no_more_are_claimed_than_there_are_tokens(worker):
    monitor.set_limits("default", rate="4/s")
    enqueue(10)
    assert len(claim(worker, 10)) == 4
    assert claim(worker, 10) == []
    bucket = RateBucket.objects.get(key="queue:default")
    assert bucket.tokens < 1


def test_tokens_are_spent_for_tasks_only(worker):
    monitor.set_limits("default", rate="4/h")
    monitor.set_limits("other", rate="9/s")
    enqueue(2, tasks.add.using(queue_name="other"))
    assert len(claim(worker, 10, {"default": 1, "other": 1})) == 2
    enqueue(3)
    assert len(claim(worker, 10)) == 1
    assert RateBucket.objects.get(key="queue:other").tokens >= 7


def test_other_queues_go_on_and_get_the_share(worker):
    monitor.set_limits("default", rate="1/h")
    enqueue(10)
    enqueue(10, tasks.add.using(queue_name="other"))
    claimed = claim(worker, 8, {"default": 1, "other": 1})
    assert sorted(one.queue for one in claimed) == ["default"] + ["other"] * 7


def test_a_claimer_is_told_when_to_come_back(worker):
    monitor.set_limits("default", rate="2/m")
    shares = Shares({"default": 1})
    enqueue(2)
    assert len(queue.claim(get_engine(), worker.pk, shares, 5)) == 1
    assert shares.seconds_to_token == pytest.approx(30, abs=10)
    Task.objects.filter(state=S.QUEUED).delete()
    queue.claim(get_engine(), worker.pk, shares, 5)
    assert shares.seconds_to_token is None


def test_several_claimers_start_what_the_rate_says_together():
    RATE, SECONDS, CROWD = 40, 2.0, 4
    began = time.monotonic()
    monitor.set_limits("default", rate=f"{RATE}/s")
    enqueue(400)
    over = threading.Event()

    def work(number):
        me, shares = make_worker(f"w{number}/1", pid=number), Shares({"default": 1})
        while not over.is_set():
            queue.claim(get_engine(), me.pk, shares, 3)
            time.sleep(min(0.05, shares.seconds_to_token or 0.01))

    crowd = [in_thread(work, number) for number in range(CROWD)]
    time.sleep(SECONDS)
    over.set()
    for one in crowd:
        one.result(60)
    passed = time.monotonic() - began
    running = Task.objects.filter(state=S.RUNNING).count()
    assert running <= RATE + RATE * passed + 1
    assert running >= RATE + RATE * SECONDS * 0.3, "this machine may be busy"


def test_real_workers_keep_to_it_and_come_back_in_time(run_worker):
    monitor.set_limits("default", rate="10/s")
    results = tasks.add.enqueue_many([((n,), {}) for n in range(25)])
    run_worker("--processes", "2")
    assert all(result.wait(60) for result in results)
    first, *_, last = sorted(Task.objects.values_list("started_at", flat=True))
    assert 1.2 < (last - first).total_seconds() < 15


def test_a_drain_waits_for_tokens(drain):
    monitor.set_limits("default", rate="2/s")
    enqueue(5)
    drain("--processes", "1")
    assert set(Task.objects.values_list("state", flat=True)) == {S.SUCCEEDED}
