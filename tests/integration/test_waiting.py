"""Callbacks in the waiting process, `async for` over a group, and waiting inside a task."""

import threading

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import transaction

from taskhub import TaskState, compat, errors, get_result, group
from taskhub.models import Task
from tests.app import tasks_conformance as conformance
from tests.app import tasks_flow as flow
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def callback_threads():
    return [one for one in threading.enumerate() if one.name.startswith("taskhub-callbacks")]


# -- then -----------------------------------------------------------------------------------------


def test_then_calls_with_the_value_or_with_the_error_that_get_would_raise(drain):
    values, failures = [], []
    flow.add.enqueue(1, 2).then(values.append, failures.append)
    flow.fail.enqueue().then(values.append, failures.append)
    flow.fail.enqueue().then(values.append)
    drain("--processes", "1")
    eventually(lambda: values and failures)
    assert values == [3]
    assert isinstance(failures[0], errors.TaskFailed)
    assert str(failures[0]) == "builtins.ValueError: it failed"
    eventually(lambda: not callback_threads())


def test_one_thread_serves_all_callbacks_and_a_failing_one_harms_nobody(drain, caplog):
    seen = set()

    def break_down(value):
        raise OSError("the callback broke")

    flow.echo.enqueue(0).then(break_down)
    for number in range(30):
        flow.echo.enqueue(number).then(seen.add)
    assert len(callback_threads()) == 1
    drain("--processes", "1")
    eventually(lambda: seen == set(range(30)))
    assert "the callback broke" in caplog.text


def test_then_on_a_result_that_is_known_already_calls_at_once(drain):
    result = flow.echo.enqueue("x")
    drain()
    values = []
    assert result.then(values.append).then(values.append) is result
    eventually(lambda: values == ["x", "x"], timeout=5)
    assert result.state == TaskState.QUEUED, "the result itself stays as it was read"


def test_then_inside_a_transaction_waits_from_its_commit_on(drain):
    values, failures = [], []
    with transaction.atomic():
        flow.echo.enqueue(1).then(values.append, failures.append)
    with transaction.atomic():
        flow.echo.enqueue(2).then(values.append, failures.append)
        transaction.set_rollback(True)
    drain()
    eventually(lambda: values)
    assert (values, failures) == ([1], [])


def test_then_tells_that_a_task_is_gone():
    failures = []
    result = flow.echo.using(queue_name="nobody").enqueue().then(print, failures.append)
    Task.objects.filter(id=result.id).delete()
    assert isinstance(eventually(lambda: failures)[0], compat.TaskResultDoesNotExist)


def test_then_takes_plain_functions_only():
    async def later(value): ...

    result = flow.echo.using(queue_name="nobody").enqueue()
    for bad in (None, "x", later):
        with pytest.raises(TypeError, match="expected a plain function"):
            result.then(bad)
    with pytest.raises(TypeError, match="on_failure"):
        result.then(print, later)


# -- coroutines -----------------------------------------------------------------------------------


def test_a_group_is_iterated_with_async_for(run_worker):
    results = group(flow.echo.s(number) for number in range(10)).enqueue()
    worker = run_worker("--processes", "1")

    async def gather():
        first = [result.return_value async for result in results.as_completed(20)]
        return first, await results.aget(20)

    first, values = async_to_sync(gather)()
    assert (sorted(first), values) == (list(range(10)), list(range(10)))
    worker.stop()


def test_async_for_gives_up_after_the_timeout():
    results = group(flow.echo.using(queue_name="nobody").s(n) for n in range(2)).enqueue()

    async def gather():
        return [result async for result in results.as_completed(0.1)]

    with pytest.raises(errors.ResultTimeout, match=r"2 of 2 tasks have not ended after 0\.1 s"):
        async_to_sync(gather)()


def test_coroutines_revoke_and_retry(drain):
    async def act():
        result = await flow.echo.aenqueue("again")
        assert await result.arevoke("not now") == TaskState.CANCELLED
        await result.aretry()
        both = await sync_to_async(group([flow.echo.s(1), flow.echo.s(2)]).enqueue)()
        return result, await both.arevoke()

    result, count = async_to_sync(act)()
    assert (result.state, count) == (TaskState.QUEUED, 2)
    drain()
    assert result.get(0) == "again"


# -- inside a task --------------------------------------------------------------------------------


def test_waiting_inside_a_task_is_refused_with_an_explanation(drain):
    other = flow.echo.using(priority=-5).enqueue()
    result = flow.wait_for.enqueue(other.id)
    gathering = flow.await_all.enqueue([other.id])
    drain("--processes", "1")
    for waiting in (result, gathering):
        with pytest.raises(errors.TaskFailed) as caught:
            waiting.get(0)
        assert caught.value.error_class == "taskhub.errors.WaitInsideTask"
        for words in (f"waits inside a worker for task {other.id}", "allow_sync=True", "chain"):
            assert words in str(caught.value)


def test_what_has_ended_may_be_read_inside_a_task(drain):
    other = flow.echo.using(priority=5).enqueue("there")
    result, gathering = flow.wait_for.enqueue(other.id), flow.await_all.enqueue([other.id])
    drain("--processes", "1")
    assert (result.get(0), gathering.get(0)) == ("there", ["there"])


def test_allow_sync_waits_where_others_have_slots_of_their_own(run_worker):
    other = conformance.echo.enqueue(7)
    worker = run_worker("--processes", "2")
    assert flow.wait_for.enqueue(other.id, allow_sync=True).get(20) == [[7], {}]
    worker.stop()


def test_a_task_cannot_wait_for_itself(drain):
    result = flow.wait_for_itself.enqueue()
    drain("--processes", "1")
    with pytest.raises(errors.TaskFailed, match="waits for its own end"):
        get_result(result.id).get(0)
