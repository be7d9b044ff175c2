"""What maintenance does: promote what is due, expire what is overdue, rescue what the dead held."""

import pytest
from django.db import transaction
from django.utils import timezone

from taskhub import queue
from taskhub.models import Outcome, Result, Task, Worker
from taskhub.models.worker import WorkerKind
from taskhub.queue.rescue import Cause
from taskhub.queue.transition import BATCH
from taskhub.states import TaskState, WaitsFor
from tests.app import tasks
from tests.engines.builders import (
    ago,
    claim,
    ending,
    enqueue,
    finish,
    make_task,
    make_worker,
    new_task,
    state_of,
)
from tests.helpers import eventually, in_thread

pytestmark = pytest.mark.django_db

S = TaskState


def make_many(count, *args, **columns):
    Task.objects.bulk_create([new_task(*args, **columns) for _ in range(count)], batch_size=500)


# -- promote ----------------------------------------------------------------------------------------------------------


def test_what_is_due_is_queued_and_what_is_not_waits_on():
    due = [make_task(S.PENDING, run_after=ago(1)).pk, make_task(S.RETRYING, run_after=ago(60)).pk]
    later = [
        make_task(S.PENDING, run_after=ago(-60)).pk,
        make_task(S.RETRYING, run_after=ago(-1)).pk,
    ]
    others = [
        make_task(S.PENDING, waits_for=WaitsFor.TASKS, unmet=1).pk,
        make_task(S.PENDING, waits_for=WaitsFor.SLOT, waits_key="slot:a").pk,
    ]
    assert queue.promote_due() == 2
    for task in Task.objects.filter(id__in=due):
        assert (task.state, task.waits_for) == (S.QUEUED, WaitsFor.NOTHING)
    assert [state_of(i) for i in later + others] == [S.PENDING, S.RETRYING, S.PENDING, S.PENDING]
    assert queue.promote_due() == 0


def test_a_task_is_not_promoted_before_its_time_and_is_then():
    task_id, _ = queue.enqueue(tasks.add.using(countdown=0.3), (1,), {})
    assert queue.promote_due() == 0
    assert eventually(queue.promote_due) == 1
    assert timezone.now() >= Task.objects.get(id=task_id).run_after


def test_promotion_goes_in_batches_the_longest_overdue_first():
    make_many(BATCH, S.PENDING, run_after=ago(5))
    oldest = [make_task(S.PENDING, run_after=ago(50)).pk for _ in range(10)]
    assert queue.promote_due() == BATCH
    assert {state_of(task_id) for task_id in oldest} == {S.QUEUED}
    assert queue.promote_due() == 10
    assert queue.promote_due() == 0


def test_upcoming_tells_of_gates_and_of_pauses_that_are_over():
    assert queue.upcoming()[2:] == (False, False, False)
    make_task(S.PENDING, waits_for=WaitsFor.SLOT, waits_key="slot:a", run_after=None)
    queue.pause("mail", until=ago(-60))
    assert queue.upcoming()[2:] == (False, True, False)
    queue.pause("import", until=ago(1))
    assert queue.upcoming()[2:] == (False, True, True)
    queue.resume_due()
    assert not queue.upcoming().is_pause_over


def test_next_due_counts_the_seconds_to_the_next_task():
    assert queue.upcoming()[0] is None
    make_task(S.PENDING, waits_for=WaitsFor.SLOT, waits_key="slot:a", run_after=None)
    make_task(S.SUCCEEDED, run_after=ago(60))
    assert queue.upcoming()[0] is None
    make_task(S.PENDING, run_after=ago(-600))
    assert queue.upcoming()[0] == pytest.approx(600, abs=10)
    make_task(S.RETRYING, run_after=ago(-60))
    assert queue.upcoming()[0] == pytest.approx(60, abs=10)
    make_task(S.PENDING, run_after=ago(60))
    assert queue.upcoming()[0] == pytest.approx(-60, abs=10)


def test_promotion_inside_a_long_transaction_goes_by_the_clock_of_now():
    """`now()` of a transaction stands still on PostgreSQL; promotion must not."""
    with transaction.atomic():
        assert queue.promote_due() == 0
        task = make_task(S.PENDING, run_after=ago(-0.2))
        assert eventually(queue.promote_due) == 1
    assert state_of(task.pk) == S.QUEUED


@pytest.mark.only_on("postgresql", "mysql")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("verb", "after"), [(queue.promote_due, S.QUEUED), (queue.expire_overdue, S.EXPIRED)]
)
def test_what_somebody_has_locked_is_left_for_the_next_round(verb, after):
    locked, free = (make_task(S.PENDING, expires_at=ago(1)) for _ in range(2))
    with transaction.atomic():
        Task.objects.select_for_update().get(pk=locked.pk)
        assert in_thread(verb).result(10) == 1
        assert [state_of(locked.pk), state_of(free.pk)] == [S.PENDING, after]
    assert verb() == 1
    assert state_of(locked.pk) == after


@pytest.mark.django_db(transaction=True)
def test_two_promoters_at_once_move_each_task_once():
    make_many(3 * BATCH, S.PENDING)

    def promote_all():
        return sum(iter(queue.promote_due, 0))

    promoters = [in_thread(promote_all) for _ in range(2)]
    assert sum(promoter.result(30) for promoter in promoters) == 3 * BATCH
    assert Task.objects.filter(state=S.QUEUED).count() == 3 * BATCH


# -- expire -----------------------------------------------------------------------------------------------------------


def test_what_waits_past_its_expiry_expires_and_nothing_else_does(worker):
    states = (S.PENDING, S.QUEUED, S.RETRYING)
    overdue = [make_task(state, expires_at=ago(1)).pk for state in states]
    safe = [make_task(state, expires_at=ago(-60)).pk for state in states]
    safe += [make_task(state).pk for state in states]
    safe += [make_task(S.RUNNING, worker, expires_at=ago(1)).pk]
    before = [state_of(task_id) for task_id in safe]
    assert queue.expire_overdue() == 3
    for task in Task.objects.filter(id__in=overdue):
        assert (task.state, task.waits_for) == (S.EXPIRED, WaitsFor.NOTHING)
        assert abs((task.finished_at - timezone.now()).total_seconds()) < 10
    assert [state_of(task_id) for task_id in safe] == before
    assert queue.expire_overdue() == 0
    assert not Result.objects.exists()


def test_expiry_goes_in_batches():
    make_many(BATCH + 1, S.QUEUED, expires_at=ago(1))
    assert [queue.expire_overdue() for _ in range(3)] == [BATCH, 1, 0]


def test_a_retry_of_an_expired_task_clears_its_expiry(worker):
    task = make_task(expires_at=ago(1))
    queue.expire_overdue()
    queue.retry(task.pk)
    assert queue.expire_overdue() == 0
    assert [one.id for one in claim(worker)] == [task.pk]


# -- mass verbs -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_purge_goes_on_when_workers_take_some_of_a_batch(worker, second_connection):
    """Between the choice of a batch and its locks a child claims some of it: the rest and the next are purged."""
    make_many(2 * BATCH + 10, S.QUEUED)
    taken = []

    def claim_beside(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if not taken and "ORDER BY" in sql and sql.startswith("SELECT") and "state" in sql:
            taken.append(in_thread(claim, worker, 7))
            taken[0].result(20)
        return result

    with transaction.get_connection().execute_wrapper(claim_beside):
        assert queue.purge("default") == 2 * BATCH + 3
    running = Task.objects.filter(state=S.RUNNING)
    assert {task.pk for task in running} == {one.id for one in taken[0].result()}
    assert not running.filter(cancel_requested_at__isnull=False).exists()
    assert not Task.objects.filter(state=S.QUEUED).exists()


def test_a_purge_leaves_other_queues_and_what_runs_alone(worker):
    kept = [make_task(queue="other"), make_task(S.RUNNING, worker), make_task(S.SUCCEEDED)]
    before = [state_of(task.pk) for task in kept]
    gone = [make_task(S.QUEUED), make_task(S.PENDING), make_task(S.RETRYING)]
    assert queue.purge("default", "clean up") == 3
    assert [state_of(task.pk) for task in kept] == before
    for task in Task.objects.filter(pk__in=[task.pk for task in gone]):
        assert (task.state, task.reason) == (S.CANCELLED, "clean up")


def test_cancel_and_retry_reach_more_than_a_batch(worker):
    make_many(BATCH + 5, S.QUEUED)
    make_many(5, S.RUNNING, worker)
    everything = Task.objects.all()
    assert queue.cancel_where(everything, "all of it") == BATCH + 10
    assert queue.cancel_where(everything, "again") == 0
    assert queue.retry_where(everything) == BATCH + 5
    assert queue.retry_where(everything) == 0
    task = Task.objects.filter(state=S.QUEUED).first()
    assert (task.reason, task.finished_at, task.cancel_requested_at) == ("", None, None)


# -- rescue -----------------------------------------------------------------------------------------------------------


def counters(task_id):
    task = Task.objects.get(id=task_id)
    return task.state, task.attempt, task.losses, task.failures


def test_of_what_a_dead_child_held_only_the_started_counts_a_loss(worker):
    started, unstarted, other = enqueue(3)
    claim(worker, 2)
    recorded = queue.rescue_child(worker, {started}, "was killed by signal 9")
    assert {end.task_id for end in recorded} == {started, unstarted}
    assert counters(started) == (S.QUEUED, 1, 1, 0)
    assert counters(unstarted) == (S.QUEUED, 0, 0, 0)
    assert counters(other) == (S.QUEUED, 0, 0, 0)
    (row,) = Result.objects.all()
    assert (row.task_id, row.outcome, row.claim_no) == (started, Outcome.LOST, 1)
    assert row.error_class == "taskhub.errors.WorkerLost"
    assert "killed by signal 9" in row.message
    worker.refresh_from_db()
    assert worker.is_lost
    assert worker.stopped_at is not None
    assert (worker.processed, worker.failed) == (1, 0), "what went back free is no attempt"
    assert queue.rescue_child(worker, {started}, "twice") == []
    assert counters(started) == (S.QUEUED, 1, 1, 0)


def test_the_third_loss_fails_the_task_as_worker_lost():
    (task_id,) = enqueue()
    for number in range(3):
        child = make_worker(f"w1/{number}")
        claim(child)
        queue.rescue_child(child, {task_id}, "died")
    assert counters(task_id) == (S.FAILED, 3, 3, 0)
    outcomes = Result.objects.order_by("claim_no").values_list("outcome", flat=True)
    assert list(outcomes) == ["lost", "lost", "failed"]
    last = Result.objects.get(claim_no=3)
    assert last.error_class == "taskhub.errors.WorkerLost"


def test_a_task_may_allow_fewer_or_more_losses(worker):
    (strict,) = enqueue(1, tasks.add.using(max_worker_losses=1))
    (lenient,) = enqueue(1, tasks.add.using(max_worker_losses=9))
    Task.objects.filter(id=lenient).update(losses=5)
    claim(worker, 2)
    queue.rescue_child(worker, {strict, lenient}, "died")
    assert [state_of(strict), state_of(lenient)] == [S.FAILED, S.QUEUED]


def test_a_task_that_must_not_run_twice_fails_at_its_first_loss(worker):
    started, unstarted = enqueue(2, tasks.add.using(on_worker_loss="fail"))
    claim(worker, 2)
    queue.rescue_child(worker, {started}, "died")
    assert counters(started) == (S.FAILED, 1, 1, 0)
    assert counters(unstarted) == (S.QUEUED, 0, 0, 0)


def test_a_child_killed_at_the_deadline_leaves_a_timed_out_attempt(worker):
    retried, last = enqueue(1)[0], enqueue(1, tasks.add.using(max_retries=0))[0]
    claim(worker, 2)
    queue.rescue_child(worker, {retried, last}, "was killed", Cause.TIMEOUT)
    assert counters(retried) == (S.RETRYING, 1, 0, 1)
    assert counters(last) == (S.FAILED, 1, 0, 1)
    assert Task.objects.get(id=retried).run_after > timezone.now()
    classes = Result.objects.values_list("error_class", flat=True)
    assert set(classes) == {"taskhub.errors.TaskTimeout"}


def test_a_child_killed_for_a_cancel_leaves_a_cancelled_task(worker):
    victim, beside = enqueue(2)
    claim(worker, 2)
    queue.cancel(victim, "enough")
    queue.rescue_child(worker, {victim}, "was killed", Cause.CANCELLED)
    assert counters(victim) == (S.CANCELLED, 1, 0, 0)
    assert counters(beside) == (S.QUEUED, 0, 0, 0)
    assert Task.objects.get(id=victim).reason == "enough"


def test_a_child_stopped_with_its_worker_gives_the_task_back(worker):
    (task_id,) = enqueue()
    claim(worker)
    queue.rescue_child(worker, {task_id}, "was stopped", Cause.RELEASED)
    assert counters(task_id) == (S.QUEUED, 0, 0, 0)
    assert Result.objects.get().outcome == Outcome.RELEASED


def test_a_lost_task_that_was_to_be_cancelled_is_cancelled(worker):
    started, unstarted = enqueue(2)
    claim(worker, 2)
    queue.cancel(started)
    queue.cancel(unstarted)
    recorded = queue.rescue_child(worker, {started}, "died")
    assert {end.state for end in recorded} == {S.CANCELLED}
    assert [state_of(started), state_of(unstarted)] == [S.CANCELLED, S.CANCELLED]


def test_a_task_without_code_is_rescued_by_its_options_alone(worker):
    row = make_task(S.RUNNING, worker, name="gone.task", options={"on_worker_loss": "fail"})
    damaged = make_task(S.RUNNING, worker, name="gone.task", options={"no such": "option"})
    queue.rescue_child(worker, {row.pk, damaged.pk}, "died")
    assert [state_of(row.pk), state_of(damaged.pk)] == [S.FAILED, S.QUEUED]


def test_workers_without_a_heartbeat_for_a_lease_are_lost_and_the_others_are_not(settings):
    settings.TASKHUB = {"LEASE": 30.0}
    alive, dead = make_worker("alive/1", heartbeat_at=ago(20)), make_worker("dead/1")
    idle = make_worker("idle/1", heartbeat_at=ago(40))
    kept = make_task(S.RUNNING, alive)
    lost = [make_task(S.RUNNING, dead).pk for _ in range(2)]
    Worker.objects.filter(pk=dead.pk).update(heartbeat_at=ago(31))
    assert {one.pk for one in queue.rescue_lost_workers()} == {dead.pk, idle.pk}
    assert [counters(task_id) for task_id in lost] == [(S.QUEUED, 1, 1, 0)] * 2
    assert counters(kept.pk) == (S.RUNNING, 1, 0, 0)
    assert set(Worker.objects.filter(is_lost=True, stopped_at__isnull=False)) == {dead, idle}
    assert queue.rescue_lost_workers() == []


def test_a_lost_worker_and_its_children_are_lost_together():
    parent = make_worker("w", kind=WorkerKind.WORKER, heartbeat_at=ago(60))
    children = [make_worker(f"w/{n}", parent=parent, heartbeat_at=ago(60)) for n in range(2)]
    held = [make_task(S.RUNNING, child).pk for child in children]
    assert {one.pk for one in queue.rescue_lost_workers()} == {
        parent.pk,
        *(child.pk for child in children),
    }
    assert {state_of(task_id) for task_id in held} == {S.QUEUED}


def test_what_a_rescuer_that_died_left_behind_is_rescued_by_the_next():
    dead = make_worker(stopped_at=ago(1), is_lost=True)
    left = make_task(S.RUNNING, dead)
    assert queue.rescue_lost_workers() == []
    assert counters(left.pk) == (S.QUEUED, 1, 1, 0)


@pytest.mark.django_db(transaction=True)
def test_two_rescuers_at_once_count_one_loss():
    dead = make_worker(heartbeat_at=ago(60))
    make_many(20, S.RUNNING, dead)
    rescuers = [in_thread(queue.rescue_lost_workers) for _ in range(2)]
    declared = [one.pk for rescuer in rescuers for one in rescuer.result(20)]
    assert declared == [dead.pk]
    assert set(Task.objects.values_list("state", "losses")) == {("queued", 1)}
    assert Result.objects.count() == 20


def test_a_worker_declared_lost_by_mistake_cannot_record_what_it_ran(worker, rival):
    (task_id,) = enqueue()
    (one,) = claim(worker)
    Worker.objects.filter(pk=worker.pk).update(heartbeat_at=ago(60))
    queue.rescue_lost_workers()
    (again,) = claim(rival)
    assert finish(worker, [ending(one)]) == []
    assert finish(rival, [ending(again)])
    assert state_of(task_id) == S.SUCCEEDED
