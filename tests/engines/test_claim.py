"""Claiming: in order, from the queues asked for, and each task by one child only."""

import threading
from collections import Counter
from functools import partial

import pytest
from django.db import transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from taskhub import queue
from taskhub.engines import get_engine
from taskhub.engines.rows import Skip
from taskhub.models import Queue, Task
from taskhub.queue.claim import Shares
from taskhub.states import TaskState
from tests.app import tasks
from tests.engines.builders import ADD, ago, claim, enqueue, make_task, make_worker, state_of
from tests.helpers import acting_as, in_thread

pytestmark = pytest.mark.django_db


def ids_of(claims):
    return [one.id for one in claims]


def queue_up(name, count, **columns):
    return [make_task(queue=name, **columns).pk for _ in range(count)]


def test_a_claim_fills_the_columns_of_a_running_task(worker):
    (task_id,) = enqueue(1, tasks.add.using(priority=7))
    before = timezone.now()
    (one,) = claim(worker)
    task = Task.objects.get(id=task_id)
    assert (task.state, task.worker_id, task.claim_no, task.attempt) == ("running", worker.pk, 1, 1)
    assert abs((task.started_at - before).total_seconds()) < 5
    assert (one.id, one.claim_no, one.attempt, one.name) == (task_id, 1, 1, ADD)
    assert (one.queue, one.priority, one.enqueued_at) == ("default", 7, task.enqueued_at)


def test_order_is_priority_then_position_then_age(worker):
    late, low = make_task(position=5).pk, make_task(priority=-1).pk
    old, young = make_task().pk, make_task().pk
    high, high_late = make_task(priority=10, position=9).pk, make_task(priority=10, position=10).pk
    claimed = ids_of(claim(worker, 10))
    assert claimed == [high, high_late, old, young, late, low]


def test_order_holds_from_batch_to_batch(worker):
    for number in range(60):
        make_task(priority=(number * 7) % 5, position=(number * 11) % 3)
    expected = list(
        Task.objects.order_by("-priority", "position", "id").values_list("id", flat=True)
    )
    claimed = []
    while batch := ids_of(claim(worker, 7)):
        claimed += batch
    assert claimed == expected


def test_each_queue_gives_up_to_its_limit_and_the_first_named_comes_first(worker, hub):
    a, b = queue_up("a", 5), queue_up("b", 5)
    queue_up("c", 5, priority=100)
    assert ids_of(hub.claim(worker.pk, [("b", 2), ("a", 3)])) == b[:2] + a[:3]
    assert ids_of(hub.claim(worker.pk, [("a", 10), ("b", 1)])) == a[3:] + b[2:3]


def test_only_queued_tasks_are_claimed(worker):
    rows = [make_task(state, worker).pk for state in TaskState if state != TaskState.QUEUED]
    before = {task_id: state_of(task_id) for task_id in rows}
    assert claim(worker, 20) == []
    assert {task_id: state_of(task_id) for task_id in rows} == before


def test_a_paused_queue_gives_nothing_until_it_is_resumed(worker, hub):
    paused, open_one = queue_up("a", 1), queue_up("b", 1)
    queue.pause("a", "the relay is down")
    assert not hub.is_claimable(["a"])
    assert hub.is_claimable(["a", "b"])
    assert ids_of(claim(worker, 5, {"a": 1, "b": 1})) == open_one
    queue.resume("a")
    assert hub.is_claimable(["a"])
    assert ids_of(claim(worker, 5, {"a": 1, "b": 1})) == paused


def test_pause_keeps_its_first_time_and_reason(hub):
    queue.pause("a", "first")
    first = Queue.objects.get(name="a")
    queue.pause("a", "second")
    again = Queue.objects.get(name="a")
    assert (again.pause_reason, again.paused_at) == ("first", first.paused_at)
    queue.resume("a")
    assert not Queue.objects.filter(is_paused=True).exists()


def test_expired_tasks_are_not_claimed(worker, hub):
    make_task(expires_at=ago(1))
    assert not hub.is_claimable(["default"])
    alive = make_task(expires_at=ago(-60))
    assert ids_of(claim(worker, 5)) == [alive.pk]


def test_names_that_a_worker_does_not_know_are_left_to_others(worker, rival, hub):
    strange, known = make_task(name="shop.ship", priority=9), make_task()
    assert hub.is_claimable(["default"], Skip(names=["shop.ship"]))
    assert ids_of(claim(worker, 5, skip_names=["shop.ship", "shop.bill"])) == [known.pk]
    assert not hub.is_claimable(["default"], Skip(names=["shop.ship"]))
    assert ids_of(claim(rival, 5)) == [strange.pk]


def test_tasks_of_another_pool_are_left_to_others(worker, rival, hub):
    other, any_pool, own = (make_task(pool=pool) for pool in ("async", "", "process"))
    skip = Skip(pools=["async", "thread"])
    assert hub.is_claimable(["default"], skip)
    claims = hub.claim(worker.pk, [("default", 5)], skip)
    assert ids_of(claims) == [any_pool.pk, own.pk]
    assert not hub.is_claimable(["default"], skip)
    assert ids_of(claim(rival, 5)) == [other.pk]


def test_risky_tasks_of_a_pool_are_left_to_others(worker, rival, hub):
    risky, plain = make_task(losses=1), make_task()
    of_another_pool = make_task(pool="thread", losses=1)
    claims = hub.claim(worker.pk, [("default", 5)], Skip(pools=["async"], risky=["", "async"]))
    assert ids_of(claims) == [plain.pk, of_another_pool.pk]
    assert not hub.is_claimable(["default"], Skip(risky=[""]))
    assert ids_of(claim(rival, 5)) == [risky.pk]


def test_a_queue_that_is_empty_leaves_its_share_to_the_others(worker):
    a = queue_up("a", 10)
    assert sorted(ids_of(claim(worker, 8, {"a": 1, "b": 7}))) == a[:8]


def test_nothing_is_claimed_of_no_queues(worker, hub):
    enqueue()
    assert claim(worker, 5, {}) == []
    assert not hub.is_claimable([])


def test_queue_names_may_hold_any_character(worker, hub):
    names = ["x%s", "it's; --", 'a"b`c', "Ünïcode 🐘", "A", "a", "b\\n"]
    ids = {name: queue_up(name, 1) for name in names}
    assert set(hub.queued_names()) == set(names)
    for name in names:
        assert ids_of(claim(worker, 5, name)) == ids[name]


def test_queued_names_lists_what_holds_queued_tasks(hub):
    queue_up("b", 3)
    queue_up("a", 1)
    make_task(TaskState.SUCCEEDED, queue="done")
    make_task(TaskState.PENDING, queue="later")
    queue.pause("a")
    assert hub.queued_names() == ["a", "b"]


# -- two at once ------------------------------------------------------------------------------------------------------


@pytest.mark.only_on("postgresql", "mysql")
@pytest.mark.django_db(transaction=True)
def test_a_claimer_takes_what_another_has_not_locked_and_does_not_wait(worker, rival):
    ids = enqueue(10)
    with transaction.atomic():
        mine = ids_of(claim(worker, 4))
        theirs = ids_of(in_thread(claim, rival, 4).result(10))
        assert mine == ids[:4]
        assert theirs == ids[4:8]
        assert ids_of(in_thread(claim, rival, 4).result(10)) == ids[8:]
        assert in_thread(claim, rival, 4).result(10) == []
    assert Task.objects.filter(worker=worker).count() == 4
    assert Task.objects.filter(worker=rival).count() == 6


@pytest.mark.only_on("postgresql", "mysql")
@pytest.mark.django_db(transaction=True)
def test_a_claimer_does_not_wait_for_a_task_that_is_being_cancelled(worker):
    first, second = enqueue(2)
    with transaction.atomic():
        queue.cancel(first)
        assert ids_of(in_thread(claim, worker, 2).result(10)) == [second]
    assert state_of(first) == TaskState.CANCELLED


@pytest.mark.only_on("postgresql", "mysql")
@pytest.mark.django_db(transaction=True)
def test_a_claimer_does_not_wait_for_a_queue_that_is_being_paused(worker):
    first, second = enqueue(2)
    with transaction.atomic():
        queue.pause("default")
        assert ids_of(in_thread(claim, worker, 1).result(10)) == [first]
    assert claim(worker, 1) == []
    assert state_of(second) == TaskState.QUEUED


@pytest.mark.only_on("sqlite")
@pytest.mark.django_db(transaction=True)
def test_on_sqlite_the_second_claimer_comes_after_the_first(worker, rival):
    ids = enqueue(10)
    with transaction.atomic():
        mine = ids_of(claim(worker, 4))
        theirs = in_thread(claim, rival, 4)
        assert not theirs.done()
    assert mine == ids[:4]
    assert ids_of(theirs.result(20)) == ids[4:8]


@pytest.mark.only_on("sqlite")
@pytest.mark.django_db(transaction=True)
def test_on_sqlite_finding_nothing_takes_no_lock(worker, second_connection):
    enqueue()
    with transaction.atomic():
        assert claim(worker, 1)
        with acting_as(second_connection):
            assert claim(worker, 5, "empty") == []


@pytest.mark.django_db(transaction=True)
def test_a_claim_that_is_rolled_back_was_never_made(worker, rival):
    (task_id,) = enqueue()
    with pytest.raises(RuntimeError), transaction.atomic():
        assert ids_of(claim(worker)) == [task_id]
        raise RuntimeError
    (one,) = claim(rival)
    assert (one.id, one.claim_no) == (task_id, 1)


@pytest.mark.django_db(transaction=True)
def test_eight_children_claim_five_hundred_tasks_each_exactly_once():
    ids = enqueue(500)
    workers = [make_worker(f"w{number}/1") for number in range(8)]
    start = threading.Barrier(8)

    def claim_all(worker):
        start.wait(20)
        claimed = []
        while batch := claim(worker, 7):
            claimed += ids_of(batch)
        return claimed

    futures = [in_thread(claim_all, worker) for worker in workers]
    claimed = [future.result(60) for future in futures]
    assert sorted(task_id for part in claimed for task_id in part) == ids
    for worker, part in zip(workers, claimed, strict=True):
        held = Task.objects.filter(worker=worker, state="running", claim_no=1, attempt=1)
        assert sorted(part) == list(held.order_by("id").values_list("id", flat=True))


# -- shares -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 7, 50])
@pytest.mark.parametrize(
    "weights", [{"a": 3, "b": 1}, {"a": 1, "b": 1, "c": 1}, {"a": 10, "b": 5, "c": 1}, {"a": 1}]
)
def test_weights_share_the_slots_within_ten_percent(weights, count):
    shares, got = Shares(weights), Counter()
    while got.total() < 400:
        divided = shares.divide(count)
        assert sum(share for _, share in divided) == count
        assert all(share for _, share in divided)
        got.update(dict(divided))
    for name, weight in weights.items():
        fair = got.total() * weight / sum(weights.values())
        assert abs(got[name] - fair) <= 0.1 * fair


def test_full_queues_are_claimed_from_by_their_weights(worker):
    for name in ("a", "b"):
        queue.enqueue_many(tasks.add.using(queue_name=name), [((1,), {})] * 200)
    shares, got = Shares({"a": 3, "b": 1}), Counter()
    for number in range(40):
        claims = queue.claim(get_engine(), worker.pk, shares, 1 + number % 5)
        assert len(claims) == 1 + number % 5
        got.update(one.queue for one in claims)
    assert abs(got["a"] - 0.75 * got.total()) <= 0.1 * 0.75 * got.total()
    assert abs(got["b"] - 0.25 * got.total()) <= 0.1 * 0.25 * got.total()


def count_statements(act):
    with CaptureQueriesContext(get_engine().connection) as captured:
        claims = act()
    changes = [one["sql"] for one in captured if one["sql"].startswith(("UPDATE", "WITH"))]
    return len(claims), len(changes)


def test_an_empty_queue_beside_a_full_one_costs_no_second_claim(worker):
    queue_up("full", 60)
    shares = Shares({"full": 1, "empty": 1, "bare": 1})
    claim_some = partial(queue.claim, get_engine(), worker.pk, shares)
    found, _ = count_statements(lambda: claim_some(20))
    assert found == 20  # the first one learns that it is empty
    usual = count_statements(lambda: claim(worker, 18, "full"))
    assert count_statements(lambda: claim_some(20)) == usual


def test_a_queue_that_was_empty_is_claimed_from_as_soon_as_it_has_tasks(worker):
    queue_up("full", 100)
    shares = Shares({"full": 1, "other": 1})
    claim_some = partial(queue.claim, get_engine(), worker.pk, shares)
    claim_some(20)
    queue_up("other", 30)
    assert Counter(one.queue for one in claim_some(20)) == {"full": 19, "other": 1}
    assert Counter(one.queue for one in claim_some(20)) == {"full": 10, "other": 10}


def test_a_single_slot_does_not_probe_empty_queues_for_ever(worker):
    queue_up("full", 4)
    shares = Shares({"full": 1, "empty": 1})
    assert [len(queue.claim(get_engine(), worker.pk, shares, 1)) for _ in range(5)] == [1] * 4 + [0]


def test_a_queue_that_joins_gets_the_weight_one():
    shares = Shares({"a": 1})
    shares.add("b")
    shares.add("a")
    assert shares.queues == ["a", "b"]
    assert dict(shares.divide(10)) == {"a": 5, "b": 5}
