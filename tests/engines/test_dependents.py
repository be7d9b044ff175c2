"""Dependents: who waits for others hears of each end exactly once, whoever tells it and whenever."""

import sys
import threading

import pytest
from django.db import transaction

from taskhub import chain, chord, group, monitor, queue
from taskhub.engines import get_engine
from taskhub.errors import InvalidArguments
from taskhub.models import Cascade, Dependency, Outcome, Task, WorkflowRun
from taskhub.queue import dependents, prune, purge, transition
from taskhub.queue.rescue import rescue_child
from taskhub.queue.retry import retry_all
from taskhub.states import TaskState
from taskhub.trying import trying_again
from taskhub.workflows.results import cancel_workflow
from tests.app import tasks_flow as flow
from tests.engines.builders import ago, claim, ending, finish, make_task, state_of
from tests.helpers import in_thread

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 40


def ids():
    return list(Task.objects.order_by("id").values_list("id", flat=True))


def states():
    return list(Task.objects.order_by("id").values_list("state", flat=True))


def test_the_last_members_that_end_at_one_moment_start_the_callback_once(worker, rival):
    """Two workers record the last two members of a chord at the same time, again and again."""
    for _ in range(ROUNDS):
        chord([flow.echo.s(1), flow.echo.s(2)], flow.echo.s()).enqueue()
    mine, theirs = [], []
    for _ in range(ROUNDS):
        mine += claim(worker)
        theirs += claim(rival)
    meet = threading.Barrier(2, timeout=60)

    def end_all(whose, claims):
        for one in claims:
            meet.wait()
            finish(whose, [ending(one)])

    first, second = in_thread(end_all, worker, mine), in_thread(end_all, rival, theirs)
    first.result(120)
    second.result(120)
    callbacks = Task.objects.filter(unmet=0, ties__gt=1)
    assert callbacks.count() == ROUNDS
    assert set(callbacks.values_list("state", flat=True)) == {"queued"}
    assert set(Dependency.objects.values_list("state", flat=True)) == {"met"}
    assert len(claim(worker, 2 * ROUNDS)) == ROUNDS


def test_a_member_that_fails_while_another_succeeds_leaves_the_callback_cancelled(worker, rival):
    for _ in range(ROUNDS):
        chord([flow.echo.s(1), flow.echo.s(2)], flow.echo.s()).enqueue()
    mine, theirs = [], []
    for _ in range(ROUNDS):
        mine += claim(worker)
        theirs += claim(rival)
    meet = threading.Barrier(2, timeout=60)

    def end_all(whose, claims, outcome):
        for one in claims:
            meet.wait()
            finish(whose, [ending(one, outcome)])

    first = in_thread(end_all, worker, mine, Outcome.SUCCEEDED)
    second = in_thread(end_all, rival, theirs, Outcome.FAILED)
    first.result(120)
    second.result(120)
    assert states().count("cancelled") == ROUNDS
    assert states().count("queued") == 0


def test_a_cancel_of_the_callback_beside_the_end_of_its_last_member_ends_in_one_of_both_ways(
    worker,
):
    for _ in range(ROUNDS):
        chain(flow.one.s(), flow.echo.s()).enqueue()
    claims = claim(worker, ROUNDS)
    last = [task_id + 1 for task_id in (one.id for one in claims)]
    meet = threading.Barrier(2, timeout=60)

    def end_all():
        for one in claims:
            meet.wait()
            finish(worker, [ending(one)])

    def cancel_all():
        for task_id in last:
            meet.wait()
            queue.cancel(task_id, "not needed")

    ending_all, cancelling = in_thread(end_all), in_thread(cancel_all)
    ending_all.result(120)
    cancelling.result(120)
    assert {str(state_of(task_id)) for task_id in last} == {"cancelled"}
    assert not claim(worker, 10)


def test_more_dependents_than_one_transaction_may_change_are_told_in_the_end(worker, monkeypatch):
    monkeypatch.setattr(dependents, "BATCH", 10)
    chain(flow.one.s(), group([flow.echo.s() for _ in range(35)]), flow.echo.s()).enqueue()
    finish(worker, [ending(one) for one in claim(worker)])
    assert states().count("queued") == 10
    assert Cascade.objects.count() == 1
    assert queue.upcoming().is_untold
    while queue.go_on_telling():
        pass
    assert states().count("queued") == 35
    assert not queue.upcoming().is_untold


def test_a_failure_runs_through_a_long_chain_in_parts(worker, monkeypatch):
    monkeypatch.setattr(dependents, "BATCH", 7)
    chain(*(flow.add.s(1) for _ in range(30))).enqueue()
    finish(worker, [ending(one, Outcome.FAILED) for one in claim(worker)])
    assert 0 < states().count("cancelled") < 29
    while queue.go_on_telling():
        pass
    assert states() == ["failed"] + ["cancelled"] * 29
    monitor.retry(ids()[0])
    while queue.go_on_telling():
        pass
    assert states() == ["queued"] + ["pending"] * 29


def test_a_retry_while_the_failure_still_spreads_leaves_nobody_behind(worker, monkeypatch):
    monkeypatch.setattr(dependents, "BATCH", 3)
    chain(*(flow.add.s(1) for _ in range(12))).enqueue()
    finish(worker, [ending(one, Outcome.FAILED) for one in claim(worker)])
    monitor.retry(ids()[0])
    while queue.go_on_telling():
        pass
    assert states() == ["queued"] + ["pending"] * 11
    for _ in range(12):
        finish(worker, [ending(one) for one in claim(worker)])
        while queue.go_on_telling():
            pass
    assert set(states()) == {"succeeded"}


def end_queued(worker):
    finish(worker, [ending(one) for one in claim(worker, 10)])


def a_cancelled_chord(worker):
    """A chord whose callback bears failures, cancelled as a whole; return the ids of its members and its callback."""
    result = chord(
        [flow.echo.s(n) for n in range(3)], flow.echo.s(), on_failure="continue"
    ).enqueue()
    *members, callback = ids()
    cancel_workflow(result.workflow_id)
    assert states() == ["cancelled"] * 4
    return members, callback


def test_a_callback_that_is_retried_with_its_members_waits_for_them_again(worker):
    _, callback = a_cancelled_chord(worker)
    assert monitor.retry_where(state="cancelled") == 4
    assert states() == ["queued"] * 3 + ["pending"]
    end_queued(worker)
    assert state_of(callback) == "queued"


def waited(one):
    """For how many seconds a claimed task has waited for a worker, as metrics have it."""
    return (get_engine().now() - one.ready_at).total_seconds()


@pytest.mark.parametrize("on_failure", ["cancel", "continue"])
def test_a_dependent_has_waited_for_a_worker_only_since_its_last_need_was_met(worker, on_failure):
    chord([flow.echo.s(1)], flow.echo.s(), on_failure=on_failure).enqueue()
    Task.objects.update(enqueued_at=ago(600))
    (member,) = claim(worker)
    assert waited(member) > 599
    finish(worker, [ending(member)])
    (callback,) = claim(worker)
    assert waited(callback) < 60


def test_a_second_chance_begins_a_new_wait(worker):
    make_task(TaskState.FAILED, enqueued_at=ago(86_400))
    assert monitor.retry_where(state="failed") == 1
    (again,) = claim(worker)
    assert waited(again) < 60


def test_a_lost_worker_begins_a_new_wait_for_what_had_started(worker):
    make_task(TaskState.QUEUED, enqueued_at=ago(600))
    (lost,) = claim(worker)
    rescue_child(worker, {lost.id}, "died")
    (again,) = claim(worker)
    assert (again.attempt, waited(again) < 60) == (2, True)


def test_those_that_come_back_with_an_earlier_batch_are_counted(worker, monkeypatch):
    monkeypatch.setattr(sys.modules[retry_all.__module__], "BATCH", 5)
    chain(flow.add.s(1), group([flow.add.s(n) for n in range(12)])).enqueue()
    make_task(TaskState.SUCCEEDED)
    finish(worker, [ending(one, Outcome.FAILED) for one in claim(worker)])
    assert states().count("cancelled") >= 12
    chosen = {"state": ["failed", "cancelled"]}
    counted = monitor.retry_where(dry_run=True, **chosen)
    assert monitor.retry_where(**chosen) == counted == len(ids()) - 1
    assert set(states()) == {"queued", "pending", "succeeded"}


def test_what_somebody_else_has_retried_is_not_counted_again(worker):
    made = [make_task(TaskState.FAILED) for _ in range(3)]
    queue.retry(made[0].pk)
    assert retry_all([task.pk for task in made]) == 2


def test_a_callback_alone_that_is_retried_takes_its_members_as_they_have_ended(worker):
    _, callback = a_cancelled_chord(worker)
    queue.retry(callback)
    assert state_of(callback) == "queued"


def test_a_callback_that_is_retried_after_its_members_waits_for_them(worker):
    members, callback = a_cancelled_chord(worker)
    for member in members:
        queue.retry(member)
    queue.retry(callback)
    assert states() == ["queued"] * 3 + ["pending"]
    end_queued(worker)
    assert state_of(callback) == "queued"


@pytest.mark.only_on("postgresql", "mysql")
def test_a_member_that_ends_while_its_callback_is_retried_is_not_waited_for_for_ever(worker):
    """The end of the member does not see the retry of the callback, which has not committed yet."""
    members, callback = a_cancelled_chord(worker)
    for member in members:
        queue.retry(member)
    claims = claim(worker, 3)
    with transaction.atomic():
        queue.retry(callback)
        in_thread(finish, worker, [ending(one) for one in claims]).result(30)
    assert state_of(callback) == "pending"
    while queue.go_on_telling():
        pass
    assert state_of(callback) == "queued"


def test_a_step_that_a_person_cancelled_stays_cancelled_when_its_upstream_is_retried(worker):
    chain(flow.one.s(), flow.echo.s(), flow.echo.s()).enqueue()
    first, second, third = ids()
    queue.cancel(second, "by hand")
    assert [str(state_of(task_id)) for task_id in (second, third)] == ["cancelled"] * 2
    finish(worker, [ending(one, Outcome.FAILED) for one in claim(worker)])
    queue.retry(first)
    assert [str(state_of(task_id)) for task_id in (second, third)] == ["cancelled"] * 2
    queue.retry(second)
    assert [str(state_of(task_id)) for task_id in (second, third)] == ["pending"] * 2


def test_a_step_with_two_failed_needs_comes_back_when_both_may_yet_succeed(worker):
    chord([flow.echo.s(1), flow.echo.s(2)], flow.echo.s()).enqueue()
    one, two, callback = ids()
    finish(worker, [ending(got, Outcome.FAILED) for got in claim(worker, 2)])
    assert state_of(callback) == TaskState.CANCELLED
    queue.retry(one)
    assert state_of(callback) == TaskState.CANCELLED
    queue.retry(two)
    assert state_of(callback) == TaskState.PENDING
    finish(worker, [ending(got) for got in claim(worker, 2)])
    assert state_of(callback) == TaskState.QUEUED


def test_an_expired_step_counts_as_failed(hub):
    chain(flow.one.s().using(expires=3600), flow.echo.s()).enqueue()
    Task.objects.filter(id=ids()[0]).update(expires_at=ago(1))
    queue.expire_overdue()
    assert states() == ["expired", "cancelled"]


def test_a_step_waits_for_its_time_after_its_needs(worker):
    chain(flow.one.s(), flow.echo.s().using(countdown=600)).enqueue()
    finish(worker, [ending(one) for one in claim(worker)])
    last = Task.objects.order_by("-id").first()
    assert (last.state, last.waits_for, last.unmet) == ("pending", "time", 0)


def test_cancelling_a_workflow_cancels_what_is_left(worker):
    chain(flow.one.s(), flow.echo.s(), flow.echo.s()).enqueue()
    finish(worker, [ending(one) for one in claim(worker)])
    assert cancel_workflow(WorkflowRun.objects.get().pk) == 2
    assert states() == ["succeeded", "cancelled", "cancelled"]


@pytest.mark.parametrize(
    "cancel_all",
    [
        lambda run: cancel_workflow(run.pk),
        lambda run: monitor.cancel_by_queue("default"),
        lambda run: purge("default"),
    ],
)
def test_nothing_starts_between_the_batches_of_a_cancel(hub, monkeypatch, cancel_all):
    monkeypatch.setattr(transition, "BATCH", 3)
    first = chord([flow.echo.s(n) for n in range(3)], flow.echo.s(), on_failure="continue")
    chain(first, flow.echo.s(), on_failure="continue").enqueue()
    began, seen = states(), []

    def try_and_look(write, engine):
        done = trying_again(write, engine)
        if not engine.connection.in_atomic_block:
            seen.append(states())
        return done

    monkeypatch.setattr(transition, "trying_again", try_and_look)
    assert cancel_all(WorkflowRun.objects.get()) == len(began)
    assert states() == ["cancelled"] * len(began)
    assert len(seen) == 2
    for between in seen:
        changes = zip(began, between, strict=True)
        assert all(after in (before, "cancelled") for before, after in changes)


def test_a_rescued_member_is_no_end_and_a_lost_one_is(worker):
    chain(flow.one.s().using(on_worker_loss="fail"), flow.echo.s()).enqueue()
    [held] = claim(worker)
    rescue_child(worker, {held.id}, "was killed")
    assert states() == ["failed", "cancelled"]


def test_nothing_of_a_workflow_is_pruned_while_it_goes_on(worker):
    chain(flow.one.s(), flow.echo.s()).enqueue()
    finish(worker, [ending(one) for one in claim(worker)])
    Task.objects.filter(state="succeeded").update(finished_at=ago(1e6))
    terms = {TaskState.SUCCEEDED: 1.0}
    assert prune(100, terms) == 0
    finish(worker, [ending(one) for one in claim(worker)])
    Task.objects.update(finished_at=ago(1e6))
    assert prune(100, terms) == 2
    assert not Dependency.objects.exists()
    assert not WorkflowRun.objects.exists()


def test_a_workflow_that_the_database_refuses_leaves_nothing(hub, monkeypatch):
    with pytest.raises(InvalidArguments, match="tasks_flow"):
        chain(flow.one.s(), flow.echo.s({1, 2})).enqueue()
    assert not Task.objects.exists()
    assert not WorkflowRun.objects.exists()
    assert get_engine().queued_names() == []
