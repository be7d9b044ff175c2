"""The main job, through real processes: a task is enqueued, `runworker` runs it, the database has what came of it."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from taskhub import TaskState, get_result, queue
from taskhub.models import Result, Task
from tests.app import tasks
from tests.app.models import Ledger
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def state_of(result):
    return Task.objects.get(id=int(result.id)).state


def test_a_task_runs_and_its_result_is_in_the_database(drain):
    result = tasks.add.enqueue(2, b=3)
    assert result.state == TaskState.QUEUED
    drain()
    fresh = get_result(result.id)
    assert (fresh.state, fresh.return_value, fresh.attempts) == (TaskState.SUCCEEDED, 5, 1)
    assert fresh.enqueued_at <= fresh.started_at <= fresh.finished_at
    (row,) = Result.objects.all()
    assert (row.outcome, row.value, row.attempt, row.claim_no) == ("succeeded", 5, 1, 1)


def test_an_idle_worker_is_woken_by_a_commit_and_not_by_a_rollback(run_worker):
    worker = run_worker("--processes", "1", env={"TASKHUB_TEST_POLL_INTERVAL": "30"})
    with pytest.raises(RuntimeError), transaction.atomic():
        tasks.note.enqueue("rolled back")
        raise RuntimeError
    with transaction.atomic():
        result = tasks.note.enqueue("committed")
    assert result.get(timeout=20) is None
    assert Task.objects.count() == 1
    assert list(Ledger.objects.values_list("note", flat=True)) == ["committed"]
    worker.stop()


def test_all_eight_states_are_reached_by_real_runs(run_worker, tmp_path):
    seen = {}
    later = tasks.add.using(countdown=3600).enqueue(1)
    unserved = tasks.add.using(queue_name="nobody").enqueue(1)
    expired = tasks.add.using(queue_name="nobody", expires=0.2).enqueue(1)
    seen[state_of(later)] = seen[state_of(unserved)] = True
    worker = run_worker("--queue", "default", "--processes", "2")
    ok, bad, stopped = tasks.add.enqueue(1), tasks.fail.enqueue(), tasks.cancel_itself.enqueue()
    again = tasks.succeed_on_attempt.using(retry_delay=60).enqueue(2)
    running = tasks.nap.enqueue(30, str(tmp_path / "begun"))
    for result in (ok, bad, stopped, again, running, expired):
        eventually(lambda result=result: state_of(result) not in ("queued", "pending"), timeout=20)
    eventually(lambda: state_of(running) == "running" and state_of(again) == "retrying", timeout=20)
    eventually(lambda: all(state_of(r) != "running" for r in (ok, bad, stopped)), timeout=20)
    seen |= {state_of(result): True for result in (ok, bad, stopped, again, running, expired)}
    assert set(seen) == {state.value for state in TaskState}
    running.revoke("the test is over")
    eventually(lambda: state_of(running) == "cancelled", timeout=20)
    worker.stop()


def test_a_failing_task_is_retried_with_backoff_until_it_succeeds(run_worker):
    run_worker("--processes", "1")
    result = tasks.succeed_on_attempt.enqueue(3)
    assert result.get(timeout=20) == 3
    outcomes = list(Result.objects.order_by("claim_no").values_list("outcome", flat=True))
    assert outcomes == ["retrying", "retrying", "succeeded"]
    assert result.attempts == 3
    assert [error.exception_class for error in result.errors] == [ConnectionError] * 2


def test_errors_that_no_retry_helps_fail_at_once(drain):
    result = tasks.fail_for_good.enqueue()
    drain()
    result.refresh()
    assert (result.state, result.attempts) == (TaskState.FAILED, 1)
    assert "KeyError" in result.errors[0].traceback
    assert "workers" not in result.errors[0].traceback


def test_a_task_may_choose_its_outcome(run_worker, tmp_path):
    run_worker("--processes", "1")
    assert tasks.ask_for_retry.enqueue().get(timeout=20) == "now"
    snoozed = tasks.snooze_once.enqueue(str(tmp_path / "snoozed"))
    assert snoozed.get(timeout=20) == 1, "a snooze spends no attempt"
    cancelled = tasks.cancel_itself.enqueue()
    assert cancelled.wait(20)
    assert (cancelled.state, cancelled.reason) == (TaskState.CANCELLED, "nothing to do")


def test_a_coroutine_runs_and_is_interrupted_by_its_timeout_with_its_finally_blocks(
    run_worker, tmp_path
):
    run_worker("--processes", "1")
    assert tasks.add_slowly.enqueue(2, 3).get(timeout=20) == 5
    path = tmp_path / "nap"
    result = tasks.nap_async.using(timeout=0.3, max_retries=0).enqueue(30, str(path))
    assert result.wait(20)
    assert result.errors[0].exception_class_path == "taskhub.errors.TaskTimeout"
    assert path.with_name("nap.left").exists()
    assert tasks.add_slowly.enqueue(1, 1).get(timeout=20) == 2, (
        "the next coroutine has a loop of its own"
    )


def test_a_running_task_that_looks_is_cancelled_by_the_flag(run_worker, tmp_path):
    run_worker("--processes", "1")
    path = tmp_path / "begun"
    result = tasks.wait_to_be_cancelled.enqueue(str(path))
    eventually(path.exists, timeout=20)
    assert result.revoke("enough") == TaskState.RUNNING
    assert result.wait(20)
    row = Task.objects.get(id=int(result.id))
    assert (row.state, row.reason, row.cancel_raised_at) == ("cancelled", "enough", None)


def test_a_running_task_that_does_not_look_is_interrupted_after_the_grace(run_worker, tmp_path):
    run_worker("--processes", "1")
    path = tmp_path / "begun"
    result = tasks.nap.enqueue(30, str(path))
    eventually(path.exists, timeout=20)
    queue.cancel(int(result.id), "enough")
    assert result.wait(20)
    row = Task.objects.get(id=int(result.id))
    assert row.state == "cancelled"
    assert row.cancel_requested_at < row.cancel_raised_at <= row.finished_at


def test_a_cancelled_task_that_stays_is_killed_and_no_other_is_hit(run_worker, tmp_path):
    run_worker("--processes", "1")
    path = tmp_path / "begun"
    result = tasks.stay_although_cancelled.enqueue(str(path))
    eventually(path.exists, timeout=20)
    queue.cancel(int(result.id), "enough")
    assert result.wait(20)
    row = Task.objects.get(id=int(result.id))
    assert (row.state, row.losses) == ("cancelled", 0)
    assert row.cancel_requested_at < row.cancel_raised_at < row.cancel_killed_at
    assert tasks.nap.enqueue(0.5).get(timeout=20) == "slept"


def test_a_cancel_that_comes_too_late_leaves_a_success(drain):
    result = tasks.add.enqueue(1)
    drain()
    with pytest.raises(Exception, match="succeeded; expected one that waits or runs"):
        result.revoke()


def test_progress_is_visible_while_the_task_runs_and_kept_when_it_ends(run_worker, tmp_path):
    run_worker("--processes", "1")
    path = tmp_path / "go on"
    result = tasks.report_progress.enqueue(str(path))

    def quarter():
        result.refresh()
        return (result.progress, result.progress_message) == (0.25, "a quarter")

    eventually(quarter, timeout=20)
    path.touch()
    assert result.get(timeout=20) is None
    assert (result.progress, result.progress_message) == (1.0, "all of it")


def test_delayed_tasks_start_at_their_time_and_not_before(run_worker):
    run_worker("--processes", "1")
    due = timezone.now() + timedelta(seconds=0.7)
    result = tasks.add.using(run_after=due).enqueue(1)
    assert result.state == TaskState.PENDING
    assert result.get(timeout=20) == 1
    assert result.started_at >= due


def test_priorities_decide_the_order_within_a_queue(drain):
    for priority, text in ((0, "middle"), (-5, "last"), (50, "first")):
        tasks.note.using(priority=priority).enqueue(text)
    drain("--processes", "1")
    assert list(Ledger.objects.order_by("id").values_list("note", flat=True)) == [
        "first",
        "middle",
        "last",
    ]


def test_a_worker_takes_only_from_its_queues(drain):
    mine, other = tasks.add.using(queue_name="mine").enqueue(1), tasks.add.enqueue(1)
    drain("--queue", "mine:3", "--queue", "more")
    assert (state_of(mine), state_of(other)) == ("succeeded", "queued")


def test_a_paused_queue_is_left_alone_until_it_is_resumed(run_worker):
    queue.pause("mail", "the relay is down")
    run_worker("--processes", "1")
    paused, other = tasks.add.using(queue_name="mail").enqueue(1), tasks.add.enqueue(2)
    assert other.get(timeout=20) == 2
    assert state_of(paused) == "queued"
    queue.resume("mail")
    assert paused.get(timeout=20) == 1


def test_an_atomic_task_commits_its_effects_with_its_outcome_or_not_at_all(drain):
    good, bad = (
        tasks.note_atomically.enqueue("kept"),
        tasks.note_atomically.enqueue("undone", should_fail=True),
    )
    drain()
    assert (state_of(good), state_of(bad)) == ("succeeded", "failed")
    assert list(Ledger.objects.values_list("note", flat=True)) == ["kept"]


def test_what_cannot_be_stored_fails_its_own_task_with_a_readable_error(drain):
    unstorable, unprintable, fine = (
        tasks.unstorable_result.enqueue(), tasks.unprintable_error.enqueue(), tasks.add.enqueue(1),
    )  # fmt: skip
    drain("--processes", "1")
    unstorable.refresh()
    unprintable.refresh()
    assert "not JSON-serializable" in unstorable.errors[0].message
    assert unprintable.errors[0].message == "a NUL \\u0000 and half a pair \\ud800"
    assert fine.get(timeout=0) == 1


def test_a_persons_retry_gives_all_retries_anew_and_keeps_the_history(drain):
    result = tasks.fail.enqueue()
    drain()
    result.refresh()
    assert result.state == TaskState.FAILED
    result.retry()
    assert result.state == TaskState.QUEUED
    drain()
    result.refresh()
    assert (result.state, result.attempts) == (TaskState.FAILED, 2)
    assert Result.objects.count() == 2


def test_a_task_of_unknown_code_is_left_for_a_worker_that_has_it(drain):
    Task.objects.create(
        name="elsewhere.task", queue="default", state="queued", enqueued_at=timezone.now()
    )
    known = tasks.add.enqueue(1)
    output = drain("--processes", "1")
    assert "does not have the code of elsewhere.task" in output
    assert state_of(known) == "succeeded"
    row = Task.objects.get(name="elsewhere.task")
    assert (row.state, row.attempt) == ("queued", 0)
