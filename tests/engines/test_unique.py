"""One live task a unique key, by the database's own constraint."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction

from taskhub import chain, get_result, group, monitor, queue
from taskhub.errors import DuplicateTask, InvalidArguments
from taskhub.models import Outcome, Slot, Task, TaskTag
from taskhub.states import TaskState as S
from tests.app import tasks_flow as flow
from tests.app import tasks_limits as limits
from tests.engines.builders import ago, claim, ending, finish, state_of
from tests.helpers import acting_as, in_thread

pytestmark = pytest.mark.django_db(transaction=True)


def end(worker, outcome=Outcome.SUCCEEDED):
    """Run what is queued, to an end."""
    claims = claim(worker, 100)
    finish(worker, [ending(one, outcome, ties=one.ties) for one in claims])


def age(seconds):
    """Let the terms of all keys have begun so many seconds earlier."""
    for task in Task.objects.filter(unique_until__isnull=False):
        until = task.unique_until - timedelta(seconds=seconds)
        Task.objects.filter(id=task.id).update(unique_until=until)


# -- enqueue ------------------------------------------------------------------------------------------------------


def test_a_duplicate_is_the_live_task_and_says_so(worker):
    first = limits.sync_user.enqueue(7)
    again = limits.sync_user.enqueue(user_id=7, full=True)
    assert (first.is_duplicate, again.is_duplicate) == (False, True)
    assert again.id == first.id
    assert again.state == S.QUEUED
    assert again.kwargs == {}
    assert not limits.sync_user.enqueue(8).is_duplicate
    claim(worker)
    assert limits.sync_user.enqueue(7).state == S.RUNNING
    again.refresh()
    assert again.is_duplicate
    assert Task.objects.count() == 2


def test_the_key_is_free_when_the_task_has_ended(worker):
    ids = set()
    for outcome in (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED):
        ids.add(limits.sync_user.enqueue(7).id)
        end(worker, outcome)
    result = limits.sync_user.enqueue(7)
    queue.cancel(int(result.id))
    assert not limits.sync_user.enqueue(7).is_duplicate
    assert len(ids) == 3


def test_it_stays_taken_while_the_task_waits_for_its_next_attempt(worker):
    limits.sync_user.enqueue(7)
    end(worker, Outcome.RETRYING)
    assert limits.sync_user.enqueue(7).state == S.RETRYING


def test_a_delayed_task_holds_its_key_too():
    limits.sync_user.using(countdown=60).enqueue(7)
    assert limits.sync_user.enqueue(7).state == S.PENDING


def test_keys_belong_to_their_task():
    assert not limits.sync_user.enqueue("a").is_duplicate
    assert not limits.remind.enqueue("a").is_duplicate


def test_a_key_may_be_given_with_the_call():
    alone = flow.echo.using(unique_key=lambda value: value["id"])
    assert not alone.enqueue({"id": 1, "n": 1}).is_duplicate
    assert alone.enqueue({"id": 1, "n": 2}).is_duplicate
    assert not flow.echo.enqueue({"id": 1}).is_duplicate


def test_long_keys_are_compared_in_full():
    one, other = "x" * 400, "x" * 399 + "y"
    assert not limits.sync_user.enqueue(one).is_duplicate
    assert not limits.sync_user.enqueue(other).is_duplicate
    assert limits.sync_user.enqueue(one).is_duplicate
    assert not limits.sync_user.enqueue("b").is_duplicate
    assert not limits.sync_user.enqueue("B").is_duplicate
    assert not limits.sync_user.enqueue("b ").is_duplicate


def test_in_a_transaction_of_the_caller_it_goes_on_after_a_duplicate():
    with transaction.atomic():
        first = limits.sync_user.enqueue(7)
        assert limits.sync_user.enqueue(7).id == first.id
        limits.sync_user.enqueue(8)
    assert Task.objects.count() == 2
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        limits.sync_user.enqueue(9)
        1 / 0  # noqa: B018
    assert not limits.sync_user.enqueue(9).is_duplicate


def test_a_transaction_of_the_caller_keeps_its_patience(engine):
    if engine != "postgresql":
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '12s'")
        limits.sync_user.enqueue(7)
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("12s",)


def test_a_duplicate_leaves_no_trace():
    tagged = limits.sync_user.using(tags=["mail"], concurrency_key="all", concurrency_limit=5)
    first = tagged.enqueue(7)
    assert tagged.enqueue(7).id == first.id
    assert TaskTag.objects.count() == 1
    assert Slot.objects.get().used == 1


def test_a_bad_call_of_many_is_named_and_nothing_is_written():
    with pytest.raises(InvalidArguments, match=r"call 1: .* unique_key"):
        limits.sync_user.enqueue_many([((1,), {}), ((), {})])
    assert not Task.objects.exists()


# -- unique_for -----------------------------------------------------------------------------------------------------


def test_unique_for_keeps_the_key_taken_after_the_end_and_no_longer(worker):
    first = limits.remind.enqueue(7)
    end(worker)
    assert state_of(int(first.id)) == S.SUCCEEDED
    again = limits.remind.enqueue(7)
    assert (again.is_duplicate, again.id, again.state) == (True, first.id, S.SUCCEEDED)
    age(61)
    fresh = limits.remind.enqueue(7)
    assert (fresh.is_duplicate, fresh.state) == (False, S.QUEUED)
    assert Task.objects.get(id=first.id).unique_lock is None


def test_the_term_counts_from_the_enqueue_and_ends_no_live_task_s_claim_to_the_key(worker):
    limits.remind.enqueue(7)
    age(61)
    assert limits.remind.enqueue(7).is_duplicate
    end(worker)
    assert not limits.remind.enqueue(7).is_duplicate


@pytest.mark.parametrize("how", ["cancel", "expire", "fail", "upstream"])
def test_every_end_keeps_the_key_for_its_term(how, worker):
    if how == "upstream":  # it is cancelled with what it waits for
        chain(limits.fail_alone.s("k"), limits.remind.si(7)).enqueue()
        _, result = [get_result(str(task.pk)) for task in Task.objects.order_by("id")]
    else:
        result = limits.remind.using(expires=3600).enqueue(7)
    match how:
        case "cancel":
            queue.cancel(int(result.id))
        case "expire":
            Task.objects.update(expires_at=ago(1))
            assert queue.expire_overdue() == 1
        case "fail" | "upstream":
            end(worker, Outcome.FAILED)
    result.refresh()
    assert result.is_finished
    assert limits.remind.enqueue(7).id == result.id


def test_a_task_is_not_pruned_while_its_key_is_taken(worker):
    limits.remind.enqueue(7)
    end(worker)
    assert queue.prune(10, {S.SUCCEEDED: 0}) == 0
    age(61)
    assert queue.prune(10, {S.SUCCEEDED: 0}) == 1


# -- many at once ---------------------------------------------------------------------------------------------------


def test_of_many_calls_the_first_of_each_key_is_enqueued(worker):
    live = limits.sync_user.enqueue("live")
    results = limits.sync_user.enqueue_many(
        [((key,), {}) for key in ("a", "live", "b", "a", "b", "c")]
    )
    assert [r.is_duplicate for r in results] == [False, True, False, True, True, False]
    assert results[1].id == live.id
    assert results[3].id == results[0].id
    assert [get_result(r.id).args for r in results] == [
        [k] for k in ("a", "live", "b", "a", "b", "c")
    ]
    assert Task.objects.count() == 4


def test_a_thousand_calls_are_told_apart_from_a_thousand_live_tasks():
    limits.sync_user.enqueue_many([((n,), {}) for n in range(1000)])
    results = limits.sync_user.enqueue_many([((n,), {}) for n in range(500, 1500)])
    assert [r.is_duplicate for r in results] == [True] * 500 + [False] * 500
    assert Task.objects.count() == 1500


# -- workflows ------------------------------------------------------------------------------------------------------


def test_a_duplicate_in_a_workflow_is_refused_and_nothing_is_written():
    live = limits.sync_user.enqueue(7)
    with pytest.raises(
        DuplicateTask, match=f"live task #{live.id} holds .* nothing of the chain"
    ) as e:
        chain(flow.one.s(), limits.sync_user.si(7)).enqueue()
    assert e.value.task_id == int(live.id)
    with pytest.raises(DuplicateTask, match="Two tasks of the group"):
        group([limits.sync_user.s(8), limits.sync_user.s(8)]).enqueue()
    assert Task.objects.count() == 1


def test_a_task_with_callbacks_that_is_a_duplicate_is_the_live_task():
    live = limits.sync_user.enqueue(7)
    result = limits.sync_user.using(link=flow.echo.s()).enqueue(7)
    assert (result.id, result.is_duplicate) == (live.id, True)
    assert Task.objects.count() == 1


# -- retry ----------------------------------------------------------------------------------------------------------


def test_a_retry_takes_the_key_again(worker):
    result = limits.fail_alone.enqueue("k")
    end(worker, Outcome.FAILED)
    monitor.retry(int(result.id))
    assert limits.fail_alone.enqueue("k").id == result.id


def test_a_retry_whose_key_is_taken_is_refused_and_names_who_has_it(worker):
    result = limits.fail_alone.enqueue("k")
    end(worker, Outcome.FAILED)
    live = limits.fail_alone.enqueue("k")
    with pytest.raises(
        DuplicateTask, match=f"#{result.id} .* live task #{live.id} has its unique key"
    ):
        monitor.retry(int(result.id))
    assert state_of(int(result.id)) == S.FAILED


def test_of_many_retries_those_whose_key_is_taken_are_left_out(worker):
    for _ in range(2):  # two failed tasks of each key
        limits.fail_alone.enqueue_many([((key,), {}) for key in "abc"])
        end(worker, Outcome.FAILED)
    limits.fail_alone.enqueue("b")
    assert queue.retry_where(Task.objects.filter(state=S.FAILED)) == 2
    live = Task.objects.exclude(state=S.FAILED)
    assert sorted(live.values_list("unique_lock", flat=True)) == sorted(
        set(Task.objects.values_list("unique_key", flat=True))
    )


def test_a_retry_of_the_task_that_keeps_the_key_for_its_term_takes_it(worker):
    result = limits.remind.enqueue(7)
    end(worker, Outcome.FAILED)
    monitor.retry(int(result.id))
    assert state_of(int(result.id)) == S.QUEUED


def test_a_step_whose_key_was_taken_meanwhile_is_not_revived(worker):
    chain(limits.fail_alone.s("k"), limits.sync_user.si(7)).enqueue()
    failed, step = Task.objects.order_by("id")
    end(worker, Outcome.FAILED)
    assert state_of(step.id) == S.CANCELLED
    live = limits.sync_user.enqueue(7)
    queue.retry(failed.id)
    assert state_of(step.id) == S.CANCELLED
    queue.cancel(int(live.id))
    queue.cancel(failed.id)
    queue.retry(failed.id)
    assert state_of(step.id) == S.PENDING


# -- races ----------------------------------------------------------------------------------------------------------

TWO = pytest.mark.only_on("postgresql", "mysql")  # SQLite has one writer


@TWO
def test_a_duplicate_of_an_uncommitted_key_waits_for_its_transaction(second_connection):
    with transaction.atomic():
        first = limits.sync_user.enqueue(7)
        other = in_thread(lambda: limits.sync_user.enqueue(7))
        time.sleep(0.3)
        assert not other.done()
    assert other.result(10).id == first.id
    assert other.result(10).is_duplicate


@TWO
def test_it_goes_first_where_that_transaction_is_rolled_back():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        limits.sync_user.enqueue(7)
        other = in_thread(lambda: limits.sync_user.enqueue(7))
        time.sleep(0.3)
        1 / 0  # noqa: B018
    assert not other.result(10).is_duplicate


@TWO
@pytest.mark.parametrize("calls", [1, 3])
def test_it_does_not_wait_for_ever_and_says_so(second_connection, calls):
    with acting_as(second_connection), transaction.atomic():
        limits.sync_user.enqueue(7)
        with acting_as(connections.create_connection("default")) as mine:
            began = time.monotonic()
            with pytest.raises(
                DuplicateTask, match="another transaction that had not ended after 2 s"
            ):
                limits.sync_user.enqueue_many([((7 + n,), {}) for n in range(calls)])
            assert 1 < time.monotonic() - began < 6
            with pytest.raises(DuplicateTask), transaction.atomic():
                limits.sync_user.enqueue(7)
            with pytest.raises(DuplicateTask, match="another transaction"):
                group([limits.sync_user.s(7), flow.one.s()]).enqueue()
            mine.close()
    assert Task.objects.count() == 1


@pytest.mark.parametrize("definition", [limits.sync_user, limits.remind])
def test_of_many_who_enqueue_one_key_at_once_one_is_first(definition):
    ROUNDS, CROWD = 15, 6
    meet = threading.Barrier(CROWD, timeout=60)

    def enqueue_all():
        found = []
        for number in range(ROUNDS):
            meet.wait()
            found.append(definition.enqueue(number))
        return found

    crowd = [in_thread(enqueue_all) for _ in range(CROWD)]
    rounds = list(zip(*(one.result(120) for one in crowd), strict=True))
    for results in rounds:
        assert sum(not result.is_duplicate for result in results) == 1
        assert len({result.id for result in results}) == 1
    assert Task.objects.count() == ROUNDS


def test_two_who_enqueue_the_same_many_in_opposite_order_both_succeed():
    calls = [((number,), {}) for number in range(200)]
    meet = threading.Barrier(2, timeout=60)

    def enqueue(order):
        meet.wait()
        return limits.sync_user.enqueue_many(order)

    one, other = in_thread(enqueue, calls), in_thread(enqueue, calls[::-1])
    results = one.result(60) + other.result(60)
    assert sum(not result.is_duplicate for result in results) == 200
    assert Task.objects.count() == 200


def test_of_two_who_find_a_key_whose_time_is_over_one_is_first(worker):
    for _ in range(10):
        limits.remind.enqueue(1)
        end(worker)
        age(61)
        meet = threading.Barrier(3, timeout=60)

        def enqueue(meet=meet):
            meet.wait()
            return limits.remind.enqueue(1)

        crowd = [in_thread(enqueue) for _ in range(3)]
        results = [one.result(60) for one in crowd]
        assert sum(not result.is_duplicate for result in results) == 1
        end(worker)
        age(61)
