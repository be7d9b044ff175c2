"""AsyncResult: what the enqueuer holds, and what it may do with it."""

import asyncio

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connections, transaction

import taskhub
from taskhub import TaskState, compat, errors, monitor
from taskhub.models import Task
from tests.app import tasks as worker_tasks
from tests.app import tasks_conformance as tasks
from tests.app.models import Ledger
from tests.helpers import eventually, in_thread

pytestmark = pytest.mark.django_db(transaction=True)


def state_of(result):
    return taskhub.get_result(result.id).state


def nobody(task, **options):
    """The task on a queue that no worker of these tests takes from."""
    return task.using(queue_name="nobody", **options)


# -- get ------------------------------------------------------------------------------------------


def test_get_gives_the_value_and_leaves_a_fresh_result(drain):
    result = tasks.echo.enqueue(1)
    drain()
    assert (result.state, result.is_ready, result.is_successful) == (TaskState.QUEUED, False, False)
    assert result.get(timeout=0) == [[1], {}]
    assert (result.is_ready, result.is_successful, result.is_failed) == (True, True, False)
    assert (result.progress, result.attempts) == (1.0, 1)
    assert result.get() == [[1], {}], "again, without a timeout"


def test_get_of_a_failed_task_raises_with_its_error(drain):
    result = worker_tasks.fail.enqueue("it broke")
    drain()
    with pytest.raises(errors.TaskFailed) as caught:
        result.get(timeout=0)
    assert str(caught.value) == "builtins.ValueError: it broke"
    assert caught.value.error_class == "builtins.ValueError"
    assert caught.value.traceback.rstrip().endswith("ValueError: it broke")
    assert (result.is_ready, result.is_successful, result.is_failed) == (True, False, True)


def test_get_of_a_cancelled_task_raises_with_the_reason(drain):
    revoked, itself = nobody(tasks.echo).enqueue(), worker_tasks.cancel_itself.enqueue()
    revoked.revoke("no longer needed")
    drain()
    with pytest.raises(errors.TaskCancelled, match=rf"Task {revoked.id} .*: no longer needed"):
        revoked.get(timeout=0)
    with pytest.raises(errors.TaskCancelled, match="nothing to do"):
        itself.get(timeout=0)
    assert revoked.is_failed
    assert itself.is_failed


def test_get_of_an_expired_task_raises(run_worker):
    result = nobody(tasks.echo, expires=0.05).enqueue()
    worker = run_worker("--queue", "default", "--processes", "1")
    with pytest.raises(errors.TaskExpired, match=f"Task {result.id} was not started"):
        result.get(timeout=20)
    assert (result.state, result.is_failed, result.attempts) == (TaskState.EXPIRED, True, 0)
    worker.stop()


def test_get_gives_up_after_the_timeout_and_says_where_the_task_stands():
    result = nobody(tasks.echo).enqueue()
    for timeout, words in ((0, "after 0 s"), (0.05, "after 0.05 s"), (-1, "after -1 s")):
        with pytest.raises(errors.ResultTimeout) as caught:
            result.get(timeout=timeout)
        assert f"Task {result.id} (echo) is queued {words}" in str(caught.value)
    assert isinstance(caught.value, TimeoutError)
    assert not result.wait(0)


def test_get_of_a_task_that_was_rolled_back_does_not_wait():
    with transaction.atomic():
        result = tasks.echo.enqueue()
        transaction.set_rollback(True)
    with pytest.raises(compat.TaskResultDoesNotExist):
        result.get(timeout=20)


def test_get_wakes_when_the_worker_has_recorded(run_worker):
    """No test of time: each get ends although nobody polls more than once in 30 s."""
    worker = run_worker("--processes", "1", env={"TASKHUB_TEST_POLL_INTERVAL": "30"})
    values = [tasks.echo.enqueue(number).get(timeout=20) for number in range(20)]
    assert values == [[[number], {}] for number in range(20)]
    worker.stop()


def test_several_threads_may_wait_at_once(run_worker, tmp_path):
    go_on = tmp_path / "go on"
    slow, quick = tasks.wait_for_file.enqueue(str(go_on)), tasks.echo.enqueue(1)
    waiting = [in_thread(taskhub.get_result(slow.id).get, 20) for _ in range(4)]
    worker = run_worker("--processes", "2")
    assert quick.get(timeout=20) == [[1], {}]
    assert not any(future.done() for future in waiting)
    go_on.touch()
    assert [future.result(20) for future in waiting] == ["found"] * 4
    worker.stop()


# -- wait and refresh -----------------------------------------------------------------------------


def test_wait_tells_whether_the_task_has_ended_however_it_ended(drain):
    results = [
        tasks.echo.enqueue(),
        worker_tasks.fail.enqueue(),
        worker_tasks.cancel_itself.enqueue(),
    ]
    waiting = nobody(tasks.echo).enqueue()
    drain("--queue", "default")
    assert [result.wait(0) for result in results] == [True, True, True]
    assert not waiting.wait(0.05)
    assert waiting.state == TaskState.QUEUED


def test_refresh_reads_everything_again(drain):
    result = nobody(tasks.echo).enqueue()
    same = taskhub.get_result(result.id)
    same.revoke("enough")
    assert (result.state, result.reason, result.finished_at) == (TaskState.QUEUED, "", None)
    result.refresh()
    assert result == same
    assert (result.state, result.reason) == (TaskState.CANCELLED, "enough")


def test_a_result_of_a_pruned_task_cannot_be_refreshed():
    result = tasks.echo.enqueue()
    Task.objects.all().delete()
    with pytest.raises(compat.TaskResultDoesNotExist):
        result.refresh()
    with pytest.raises(compat.TaskResultDoesNotExist):
        result.get(timeout=20)


def test_results_know_the_options_that_the_task_was_enqueued_with():
    task = tasks.echo.using(
        priority=5, queue_name="q", timeout=7, max_retries=1, atomic=True, retry_on=[KeyError]
    )
    read = taskhub.get_result(task.enqueue().id).task
    assert (read.priority, read.queue_name, read.timeout, read.max_retries, read.atomic) == (
        5, "q", 7, 1, True,
    )  # fmt: skip
    assert read.retry_on == ("builtins.KeyError",)


# -- revoke and retry -----------------------------------------------------------------------------


def test_revoke_cancels_a_task_that_waits(drain):
    results = [
        nobody(tasks.write_down).enqueue("queued"),
        tasks.write_down.using(countdown=3600).enqueue("pending"),
    ]
    for result in results:
        assert result.revoke() == TaskState.CANCELLED
        assert (result.state, result.reason) == (TaskState.CANCELLED, "revoked by its enqueuer")
    drain()
    assert not Ledger.objects.exists()


def test_revoke_asks_a_running_task_to_stop(run_worker, tmp_path):
    begun = tmp_path / "begun"
    result = worker_tasks.wait_to_be_cancelled.enqueue(str(begun))
    worker = run_worker("--processes", "1")
    eventually(begun.exists, timeout=20)
    assert result.revoke("enough") == TaskState.RUNNING
    assert result.state == TaskState.RUNNING
    with pytest.raises(errors.TaskCancelled, match="enough"):
        result.get(timeout=20)
    worker.stop()


def test_revoke_of_a_task_that_has_ended_is_refused(drain):
    result = tasks.echo.enqueue()
    drain()
    with pytest.raises(
        errors.IllegalTransition, match=r"echo\) is succeeded; expected one that waits"
    ):
        result.revoke()
    cancelled = nobody(tasks.echo).enqueue()
    cancelled.revoke()
    with pytest.raises(errors.IllegalTransition, match="is cancelled; expected one that waits"):
        cancelled.revoke()


def test_retry_runs_an_ended_task_again_and_keeps_its_history(drain):
    result = worker_tasks.fail.enqueue()
    drain()
    result.refresh()
    for attempts in (2, 3):
        result.retry()
        assert (result.state, result.is_ready, result.finished_at) == (
            TaskState.QUEUED,
            False,
            None,
        )
        drain()
        result.refresh()
        assert (result.state, result.attempts, len(result.errors)) == (
            TaskState.FAILED, attempts, attempts,
        )  # fmt: skip


def test_retry_of_a_cancelled_or_expired_task_forgets_why_it_ended(run_worker):
    cancelled, expired = nobody(tasks.echo).enqueue(1), nobody(tasks.echo, expires=0.05).enqueue(2)
    cancelled.revoke("a mistake")
    worker = run_worker("--processes", "1", "--queue", "default")
    assert expired.wait(20)
    for result in (cancelled, expired):
        result.retry()
        assert (result.state, result.reason) == (TaskState.QUEUED, "")
    worker.stop()
    other = run_worker("--processes", "1", "--queue", "nobody")
    assert [cancelled.get(20), expired.get(20)] == [[[1], {}], [[2], {}]]
    other.stop()


def test_retry_of_a_task_that_lives_or_succeeded_is_refused(drain):
    waiting, done = nobody(tasks.echo).enqueue(), tasks.echo.enqueue()
    drain("--queue", "default")
    with pytest.raises(errors.IllegalTransition, match="is queued; expected failed, cancelled or"):
        waiting.retry()
    with pytest.raises(
        errors.IllegalTransition, match="is succeeded; expected failed, cancelled or"
    ):
        done.retry()


# -- progress -------------------------------------------------------------------------------------


def test_progress_is_seen_while_the_task_runs(run_worker, tmp_path):
    result = worker_tasks.report_progress.enqueue(str(tmp_path / "go on"))
    assert (result.progress, result.progress_message) == (0.0, "")
    worker = run_worker("--processes", "1")

    def a_quarter():
        result.refresh()
        return (result.state, result.progress, result.progress_message) == (
            TaskState.RUNNING, 0.25, "a quarter",
        )  # fmt: skip

    eventually(a_quarter, timeout=20)
    (tmp_path / "go on").touch()
    result.get(timeout=20)
    assert (result.progress, result.progress_message) == (1.0, "all of it")
    worker.stop()


def test_a_task_that_reports_nothing_is_at_nothing_and_then_at_the_end(drain):
    good, bad = tasks.echo.enqueue(), worker_tasks.fail.enqueue()
    drain()
    good.refresh()
    bad.refresh()
    assert (good.progress, bad.progress) == (1.0, 0.0)


# -- async ----------------------------------------------------------------------------------------


async def enqueue_and_get():
    result = await tasks.echo.aenqueue("async")
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticker = asyncio.ensure_future(tick())
    value = await result.aget(timeout=20)
    ticker.cancel()
    return value, ticks, await result.await_(0)


def test_aget_does_not_block_the_event_loop(run_worker):
    worker = run_worker("--processes", "1")
    value, ticks, has_ended = async_to_sync(enqueue_and_get)()
    assert (value, has_ended) == ([["async"], {}], True)
    assert ticks > 10
    worker.stop()


def test_aget_raises_as_get_does(drain):
    failed, waiting = worker_tasks.fail.enqueue(), nobody(tasks.echo).enqueue()
    drain("--queue", "default")
    with pytest.raises(errors.TaskFailed, match="it broke"):
        async_to_sync(failed.aget)(0)
    with pytest.raises(errors.ResultTimeout, match=r"is queued after 0\.05 s"):
        async_to_sync(waiting.aget)(0.05)


def test_aget_inside_the_transaction_that_enqueued_fails_at_once():
    with transaction.atomic():
        result = tasks.echo.enqueue()
        for wait in (result.aget, result.await_):
            with pytest.raises(errors.InsideTransaction):
                async_to_sync(wait)()


def test_many_that_wait_at_once_leave_no_connection_open(drain):
    results = [tasks.echo.enqueue(number) for number in range(30)]
    drain()

    async def all_of_them():
        return await asyncio.gather(*(result.aget(timeout=20) for result in results))

    async def connections_of_the_pool():
        def is_open():
            return connections["default"].connection is not None

        look = sync_to_async(is_open, thread_sensitive=False)
        return await asyncio.gather(*(look() for _ in range(30)))

    assert async_to_sync(all_of_them)() == [[[number], {}] for number in range(30)]
    assert not any(async_to_sync(connections_of_the_pool)())


# -- by id ----------------------------------------------------------------------------------------


def test_a_result_is_read_by_its_id_from_anywhere(drain):
    result = taskhub.send("conformance.named")
    drain()
    for read in (
        taskhub.get_result(result.id),
        tasks.named.get_result(result.id),
        in_thread(taskhub.get_result, result.id).result(20),
    ):
        assert read.return_value == "named"
        assert (read.task.name, read.task.priority, read.task.queue_name) == (
            "conformance.named", 3, "named",
        )  # fmt: skip


def test_sending_by_name_takes_the_options_of_using(drain):
    later = taskhub.send_later("conformance.named", None, 3600, priority=9)
    at = taskhub.send_at("conformance.named", {}, later.enqueued_at, tags=["sent"])
    batch = taskhub.send_batch(tasks.echo.identifier, [{"a": 1}, {"b": 2}], queue_name="batch")
    drain()
    assert (state_of(later), monitor.get_task(int(later.id)).priority) == (TaskState.PENDING, 9)
    assert at.get(timeout=0) == "named"
    assert [result.get(timeout=0) for result in batch] == [[[], {"a": 1}], [[], {"b": 2}]]
    assert Task.objects.filter(tags__name="sent").count() == 1
