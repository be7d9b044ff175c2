"""At most so many tasks of a concurrency key are queued or run, over all workers."""

import random
import threading
from collections import Counter
from functools import partial

import pytest
from django.db import connections, transaction
from django.db.models import F

from taskhub import queue
from taskhub.models import Outcome, Slot, Task
from taskhub.queue.opening import Healer
from taskhub.queue.rescue import rescue_child
from taskhub.states import LIVE
from taskhub.states import TaskState as S
from taskhub.trying import trying_again
from tests.app import tasks_limits as limits
from tests.engines.builders import ago, claim, ending, finish, make_worker, state_of
from tests.helpers import acting_as, in_thread

pytestmark = pytest.mark.django_db(transaction=True)

THREE = limits.export.using(concurrency_limit=3)


def ids(*results):
    return [int(result.id) for result in results]


def states(chosen=None):
    rows = Task.objects.order_by("id") if chosen is None else Task.objects.filter(id__in=chosen)
    return list(rows.order_by("id").values_list("state", flat=True))


def used(key="a"):
    return Slot.objects.get(key=key).used


def many(count, definition=limits.export, key="a"):
    return ids(*definition.enqueue_many([((key,), {}) for _ in range(count)]))


def end(worker, claimed, outcome=Outcome.SUCCEEDED):
    finish(worker, [ending(one, outcome, ties=one.ties) for one in claimed])


def heal(engine):
    return Healer().turn(engine)


# -- birth ----------------------------------------------------------------------------------------------------------


def test_as_many_are_queued_as_there_are_slots_and_the_others_wait():
    made = [limits.export.enqueue("a"), limits.export.enqueue("a"), limits.export.enqueue("b")]
    assert [result.state for result in made] == [S.QUEUED, S.PENDING, S.QUEUED]
    waiting = Task.objects.get(state=S.PENDING)
    assert (waiting.waits_for, waiting.waits_key) == ("slot", "slot:a")
    assert (used("a"), used("b")) == (1, 1)


@pytest.mark.parametrize("limit", [1, 3])
def test_many_at_once_get_what_is_free(limit):
    made = many(5, limits.export.using(concurrency_limit=limit))
    assert states(made) == [S.QUEUED] * limit + [S.PENDING] * (5 - limit)
    assert used() == limit


def test_the_most_urgent_of_many_comes_first():
    low = limits.export.using(priority=-5).enqueue("a")
    others = [limits.export.using(priority=p).enqueue("a") for p in (0, 9, 5)]
    assert low.state == S.QUEUED
    queue.cancel(int(low.id))
    assert states(ids(*others)) == [S.PENDING, S.QUEUED, S.PENDING]


def test_the_last_limit_given_is_the_key_s_limit(worker):
    assert states(many(3)) == [S.QUEUED, S.PENDING, S.PENDING]
    assert THREE.enqueue("a").state == S.QUEUED  # room for two more now
    assert Slot.objects.get().limit == 3
    assert heal(queue_engine()) == 1
    assert used() == 3
    limits.export.enqueue("a")
    assert Slot.objects.get().limit == 1
    end(worker, claim(worker, 2))
    assert (used(), states().count(S.QUEUED)) == (1, 1)


def test_a_key_that_a_function_makes_may_be_none():
    free = limits.export.using(concurrency_key=lambda customer, **_: customer or None)
    assert [free.enqueue(key).state for key in ("a", "a", "", "")] == [
        S.QUEUED, S.PENDING, S.QUEUED, S.QUEUED,
    ]  # fmt: skip


def test_a_delayed_task_takes_its_slot_when_its_time_has_come():
    later = limits.export.using(countdown=60).enqueue("a")
    assert not Slot.objects.exists()
    now = limits.export.enqueue("a")
    Task.objects.filter(id=later.id).update(run_after=ago(1))
    assert queue.promote_due() == 1
    task = Task.objects.get(id=later.id)
    assert (task.state, task.waits_for, task.waits_key) == (S.PENDING, "slot", "slot:a")
    queue.cancel(int(now.id))
    assert state_of(task.id) == S.QUEUED


def test_a_task_without_a_key_costs_no_row():
    limits.sync_user.enqueue(1)
    assert not Slot.objects.exists()
    assert Task.objects.get().ties == 0


# -- a caller's transaction -------------------------------------------------------------------------------------------


def test_in_a_transaction_of_the_caller_it_is_born_waiting_and_let_in_by_the_commit():
    with transaction.atomic():
        result = THREE.enqueue("a")
        more = THREE.enqueue_many([(("a",), {})] * 4)
        assert {one.state for one in (result, *more)} == {S.PENDING}
    assert states() == [S.QUEUED] * 3 + [S.PENDING] * 2
    assert (used(), Slot.objects.get().limit) == (3, 3)


def test_a_rollback_leaves_nothing():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        limits.export.enqueue("a")
        1 / 0  # noqa: B018
    assert not Slot.objects.exists()
    assert limits.export.enqueue("a").state == S.QUEUED


@pytest.mark.only_on("postgresql", "mysql")
def test_a_long_transaction_that_enqueues_holds_nobody_up(worker, second_connection):
    first, second = many(2)
    with acting_as(second_connection), transaction.atomic():
        limits.export.enqueue("a")
        with acting_as(connections.create_connection("default")) as mine:
            end(worker, claim(worker))
            assert states([first, second]) == [S.SUCCEEDED, S.QUEUED]
            assert limits.export.enqueue("a").state == S.PENDING
            mine.close()


def test_who_dies_between_the_commit_and_the_gate_leaves_no_task_waiting_for_ever(hub):
    with transaction.atomic():
        THREE.enqueue_many([(("a",), {})] * 4)
        connections["default"].run_on_commit.clear()
    assert states() == [S.PENDING] * 4
    assert queue_open(hub) == 3
    assert states() == [S.QUEUED] * 3 + [S.PENDING]
    assert Slot.objects.get().limit == 3


def queue_open(hub):
    return heal(hub)


def queue_engine():
    from taskhub.engines import get_engine

    return get_engine()


# -- release ----------------------------------------------------------------------------------------------------------

ENDINGS = [
    Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED, Outcome.RETRYING, Outcome.SNOOZED,
]  # fmt: skip


@pytest.mark.parametrize("outcome", ENDINGS)
def test_whoever_stops_running_gives_the_slot_to_the_next(outcome, worker):
    made = many(3)
    end(worker, claim(worker, 9), outcome)
    assert states(made)[1:] == [S.QUEUED, S.PENDING]
    assert used() == 1


def test_the_next_has_waited_for_a_worker_only_since_it_has_the_slot(worker):
    many(2)
    Task.objects.update(enqueued_at=ago(600))
    end(worker, claim(worker, 9))
    (following,) = claim(worker, 9)
    assert following.ready_at > ago(60)


@pytest.mark.parametrize("outcome", [Outcome.RELEASED, Outcome.LOST, Outcome.INTERRUPTED])
def test_whoever_goes_back_to_the_queue_keeps_its_slot(outcome, worker):
    made = many(2)
    end(worker, claim(worker, 9), outcome)
    assert states(made) == [S.QUEUED, S.PENDING]
    assert used() == 1


def test_cancelling_who_is_queued_gives_its_slot_back():
    made = many(3)
    queue.cancel(made[0])
    assert states(made) == [S.CANCELLED, S.QUEUED, S.PENDING]
    queue.cancel(made[2])
    assert (states(made), used()) == ([S.CANCELLED, S.QUEUED, S.CANCELLED], 1)


def test_expiry_gives_the_slot_back():
    made = many(2, limits.export.using(expires=3600))
    Task.objects.filter(id=made[0]).update(expires_at=ago(1))
    assert queue.expire_overdue() == 1
    assert (states(made), used()) == ([S.EXPIRED, S.QUEUED], 1)


def test_purge_ends_waiters_and_holders_alike():
    many(5, THREE)
    assert queue.purge("default") == 5
    assert used() == 0


def test_a_dead_worker_s_slot_comes_back(worker):
    once = limits.export.using(on_worker_loss="fail")
    made = many(2, once)
    claimed = claim(worker)
    rescue_child(worker, {claimed[0].id}, "was killed")
    assert (states(made), used()) == ([S.FAILED, S.QUEUED], 1)


def test_the_next_attempt_waits_for_a_slot_again(worker):
    made = many(2)
    end(worker, claim(worker), Outcome.RETRYING)
    Task.objects.filter(id=made[0]).update(run_after=ago(1))
    queue.promote_due()
    task = Task.objects.get(id=made[0])
    assert (task.state, task.waits_for) == (S.RETRYING, "slot")
    end(worker, claim(worker))
    assert states(made) == [S.QUEUED, S.SUCCEEDED]
    assert used() == 1


def test_a_person_s_retry_takes_a_slot_again_or_waits(worker):
    made = many(2)
    end(worker, claim(worker), Outcome.FAILED)
    queue.retry(made[0])
    assert states(made) == [S.PENDING, S.QUEUED]
    end(worker, claim(worker))
    assert (states(made), used()) == ([S.QUEUED, S.SUCCEEDED], 1)


# -- healing --------------------------------------------------------------------------------------------------------


def test_a_wrong_count_is_healed(worker, hub):
    many(3, THREE)
    many(2, THREE)
    Slot.objects.update(used=9)
    end(worker, claim(worker, 9))
    assert states().count(S.QUEUED) == 0
    assert heal(hub) == 2
    assert (used(), states().count(S.QUEUED)) == (2, 2)


def test_a_count_that_is_too_high_while_all_slots_seem_taken_is_healed(hub):
    made = many(2)
    Task.objects.filter(id=made[0]).delete()  # by hand
    assert heal(hub) == 1
    assert (states(), used()) == ([S.QUEUED], 1)


def test_a_row_that_was_removed_is_made_again_as_the_tasks_say(worker, hub):
    made = many(5, THREE)
    Slot.objects.all().delete()
    end(worker, claim(worker, 1))
    assert heal(hub) == 1
    assert (used(), Slot.objects.get().limit) == (3, 3)
    assert states(made) == [S.SUCCEEDED] + [S.QUEUED] * 3 + [S.PENDING]


def test_the_healer_looks_at_all_keys_in_turn(hub, monkeypatch):
    monkeypatch.setattr("taskhub.queue.opening.KEYS_AT_ONCE", 3)
    for number in range(7):
        many(2, key=f"k{number}")
    Slot.objects.update(limit=2)
    healer = Healer()
    assert [healer.turn(hub) for _ in range(3)] == [3, 3, 1]
    assert set(states()) == {S.QUEUED}


def test_slots_that_nobody_uses_are_pruned():
    many(2)
    many(1, key="b")
    queue.cancel_where(Task.objects.filter(concurrency_key="b"))
    assert queue.prune_slots() == 1
    assert Slot.objects.get().key == "a"
    assert limits.export.enqueue("b").state == S.QUEUED


# -- races ----------------------------------------------------------------------------------------------------------


def test_ten_claiming_connections_never_run_more_than_the_limit():
    KEYS, TASKS, LIMIT, CROWD = "abc", 40, 3, 10
    definition = limits.export.using(concurrency_limit=LIMIT)
    for key in KEYS:
        many(TASKS, definition, key)
    running, most, done = Counter(), Counter(), []
    ledger = threading.Lock()

    def work(number):
        me = make_worker(f"w{number}/1", pid=number)
        rng = random.Random(number)
        while len(done) < TASKS * len(KEYS):
            claimed = claim(me, rng.randint(1, 4))
            with ledger:
                for one in claimed:
                    key = keys[one.id]
                    running[key] += 1
                    most[key] = max(most[key], running[key])
            for one in claimed:
                outcome = rng.choice([Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED])
                with ledger:
                    running[keys[one.id]] -= 1
                    done.append(one.id)
                finish(me, [ending(one, outcome, ties=one.ties)])

    keys = dict(Task.objects.values_list("id", "concurrency_key"))
    crowd = [in_thread(work, number) for number in range(CROWD)]
    for one in crowd:
        one.result(120)
    assert sorted(done) == sorted(keys)
    assert max(most.values()) <= LIMIT
    assert max(most.values()) > 1
    assert not Task.objects.filter(state__in=LIVE).exists()
    assert not Slot.objects.filter(used__gt=0).exists()


def test_births_releases_cancels_and_retries_of_one_key_meet_without_harm(worker):
    """Whatever meets whatever: no deadlock is left unsolved, and the count is that of the holders at every end."""
    ROUNDS, LIMIT = 60, 2
    definition = limits.export.using(concurrency_limit=LIMIT)
    many(30, definition)
    over = threading.Event()

    def claim_and_finish():
        rng = random.Random(1)
        me = make_worker("w9/1", pid=9)
        while not over.is_set():
            for one in claim(me, 5):
                # As the worker does: what a deadlock left unrecorded is passed again.
                trying_again(partial(end, me, [one], rng.choice(ENDINGS[:3])), queue_engine())

    def cancel_some():
        rng = random.Random(2)
        for _ in range(ROUNDS):
            live = Task.objects.filter(state__in=[S.PENDING, S.QUEUED])
            chosen = rng.sample(
                all_ids := list(live.values_list("id", flat=True)), min(4, len(all_ids))
            )
            queue.cancel_where(Task.objects.filter(id__in=chosen))

    def enqueue_some():
        for number in range(ROUNDS):
            if number % 3:
                definition.enqueue("a")
            else:
                with transaction.atomic():
                    many(3, definition)

    def retry_some():
        for _ in range(ROUNDS // 2):
            failed = Task.objects.filter(state=S.FAILED).values_list("id", flat=True)[:3]
            queue.retry_where(Task.objects.filter(id__in=list(failed)))

    def watch():
        """Look from outside, as a claimant would: never are more of them about than the limit."""
        worst = 0
        while not over.is_set():
            holders = Task.objects.filter(concurrency_key="a", state__in=[S.QUEUED, S.RUNNING])
            worst = max(worst, holders.count())
        return worst

    acts = [in_thread(act) for act in (cancel_some, enqueue_some, retry_some)]
    beside = [in_thread(act) for act in (claim_and_finish, watch)]
    try:
        for one in acts:
            one.result(120)
    finally:
        over.set()
    assert beside[1].result(30) <= LIMIT
    beside[0].result(30)
    holders = Task.objects.filter(concurrency_key="a", state__in=[S.QUEUED, S.RUNNING]).count()
    assert used() == holders
    waiting = Task.objects.filter(waits_key="slot:a")
    heal(queue_engine())
    while waiting.exists():
        before = Task.objects.filter(state__in=LIVE).count()
        end(worker, claim(worker, 5))
        assert Task.objects.filter(state__in=LIVE).count() < before


def test_waiters_that_are_being_cancelled_hold_no_release_up(worker):
    many(40)
    over = threading.Event()

    def cancel_all():
        rng = random.Random(3)
        while not over.is_set():
            waiting = list(Task.objects.filter(waits_key="slot:a").values_list("id", flat=True))
            if not waiting:
                return
            queue.cancel_where(
                Task.objects.filter(id__in=rng.sample(waiting, min(2, len(waiting))))
            )

    cancelling = in_thread(cancel_all)
    while Task.objects.filter(state__in=LIVE).exists():
        end(worker, claim(worker))
        heal(queue_engine())
    over.set()
    cancelling.result(30)
    assert used() == 0


def test_the_ties_say_who_holds_a_slot(worker):
    from taskhub.states import Tie

    many(3)
    holding = F("ties").bitand(int(Tie.HOLDS))
    held = Task.objects.alias(held=holding).filter(held__gt=0)
    assert list(held.values_list("state", flat=True)) == [S.QUEUED]
    end(worker, claim(worker))
    assert list(held.values_list("state", flat=True)) == [S.QUEUED]
