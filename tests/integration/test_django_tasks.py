"""What Django's documentation of tasks promises, on our backend: topics/tasks and ref/tasks."""

import copy
import dataclasses
import pickle  # noqa: TID251 - Django promises that a task can be pickled
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module
from zoneinfo import ZoneInfo

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction
from django.utils import timezone

import taskhub
from taskhub import compat
from taskhub.backend import TaskHubBackend
from taskhub.definition import TaskDefinition
from taskhub.errors import TaskCancelled
from taskhub.models import Task
from tests.app import tasks_conformance as tasks
from tests.app.models import Ledger
from tests.app.tasks_conformance import django_tasks
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)

Status = compat.TaskResultStatus
default_task_backend = django_tasks.default_task_backend
HOUR = timedelta(hours=1)
OURS = {"BACKEND": "taskhub.backend.TaskHubBackend"}


def django_backend(name):
    return {"BACKEND": f"{django_tasks.__name__}.backends.{name.lower()}.{name}Backend"}


# -- defining tasks -------------------------------------------------------------------------------


def test_djangos_decorator_makes_one_of_our_definitions():
    assert isinstance(tasks.meaning_of_life, TaskDefinition)
    assert isinstance(tasks.meaning_of_life, compat.Task)
    assert isinstance(tasks.django_coroutine, TaskDefinition)


def test_djangos_decorator_takes_our_options():
    task = tasks.django_task_with_our_options
    assert (task.priority, task.queue_name, task.max_retries) == (7, "djangos", 2)


def test_tasks_of_djangos_decorator_run_in_the_worker(drain):
    results = [
        tasks.meaning_of_life.enqueue(),
        tasks.django_task_with_context.enqueue("hello"),
        tasks.django_coroutine.enqueue("hello"),
    ]
    failing = tasks.django_task_with_our_options.enqueue()
    drain()
    assert results[0].get(timeout=0) == 42
    assert results[1].get(timeout=0) == [1, results[1].id, "hello"]
    assert results[2].get(timeout=0) == "HELLO"
    failing.refresh()
    assert failing.errors[0].exception_class is ConnectionError


def test_a_task_has_the_name_of_its_function_unless_it_is_given_one():
    assert tasks.echo.name == "echo"
    assert tasks.echo.module_path == "tests.app.tasks_conformance.echo"
    assert tasks.named.name == "conformance.named"


def test_the_attributes_of_a_task_cannot_be_modified():
    with pytest.raises(dataclasses.FrozenInstanceError):
        tasks.echo.priority = 10  # type: ignore[misc]


def test_using_gives_a_changed_copy_and_leaves_the_task_as_it_is():
    now = timezone.now()
    changed = tasks.echo.using(priority=10, queue_name="other", run_after=now)
    assert (changed.priority, changed.queue_name, changed.run_after) == (10, "other", now)
    assert (tasks.echo.priority, tasks.echo.queue_name, tasks.echo.run_after) == (
        0, "default", None,
    )  # fmt: skip
    assert tasks.echo.using() == tasks.echo
    assert tasks.echo.using() is not tasks.echo


def test_using_can_be_chained_and_none_means_as_it_is():
    now = timezone.now()
    changed = tasks.echo.using(run_after=now).using(priority=10).using(priority=None)
    assert (changed.priority, changed.run_after) == (10, now)
    assert changed.using(run_after=None).run_after == now


def test_priorities_reach_from_minus_100_to_100():
    for priority in (-100, 0, 100):
        assert tasks.echo.using(priority=priority).priority == priority
    for priority in (-101, 101, 3.1, "high", True):
        with pytest.raises(compat.InvalidTask, match=r"a whole number from -100 to 100"):
            tasks.echo.using(priority=priority)


def test_queues_must_be_declared_where_any_are(settings):
    settings.TASKS = {"default": {**OURS, "QUEUES": ["default", "mail"]}}
    assert tasks.echo.using(queue_name="mail").queue_name == "mail"
    with pytest.raises(compat.InvalidTask, match="queue_name='post' is not declared"):
        tasks.echo.using(queue_name="post")
    with pytest.raises(compat.InvalidTask, match="queue_name='named' is not declared"):
        tasks.named.enqueue()
    assert not Task.objects.exists()


def test_only_the_default_queue_is_declared_where_settings_name_none(settings):
    settings.TASKS = {"default": OURS}
    assert tasks.echo.enqueue().status == Status.READY
    with pytest.raises(compat.InvalidTask, match="expected one of 'default'"):
        tasks.echo.using(queue_name="mail")


def test_an_empty_list_of_queues_allows_any(settings):
    settings.TASKS = {"default": {**OURS, "QUEUES": []}}
    assert tasks.echo.using(queue_name="whatever").queue_name == "whatever"


def test_run_after_must_be_aware():
    with pytest.raises(compat.InvalidTask, match="expected an aware datetime"):
        tasks.echo.using(run_after=datetime(2030, 1, 1))  # noqa: DTZ001


def test_run_after_cannot_be_fixed_in_a_decorator():
    function = tasks.echo.func
    with pytest.raises(compat.InvalidTask, match=r"Use \.using\(run_after=…\)"):
        taskhub.task(run_after=timezone.now())(function)
    with pytest.raises((TypeError, compat.InvalidTask)):
        django_tasks.task(run_after=timezone.now())(function)


@pytest.mark.parametrize("decorator", [taskhub.task, django_tasks.task], ids=["ours", "Django's"])
def test_a_task_must_be_a_function_of_a_module(decorator):
    def nested() -> None: ...

    for function in (nested, lambda: None, any, str, "text".upper, Ledger):
        with pytest.raises(compat.InvalidTask, match="module level"):
            decorator()(function)


@pytest.mark.parametrize("decorator", [taskhub.task, django_tasks.task], ids=["ours", "Django's"])
def test_a_task_that_takes_the_context_needs_a_first_argument_of_that_name(decorator):
    message = "Task takes context but does not have a first argument of 'context'"
    for function in (tasks.meaning_of_life.func, tasks.write_down.func):
        with pytest.raises(compat.InvalidTask, match=message):
            decorator(takes_context=True)(function)


def test_an_unknown_backend_is_refused(settings):
    settings.TASKS = {"default": {**OURS, "QUEUES": []}, "gone": {"BACKEND": "does.not.exist"}}
    unknown = compat.task_backends.exception_class
    with pytest.raises(unknown, match="connection 'unknown' doesn't exist"):
        tasks.echo.using(backend="unknown")
    with pytest.raises(unknown, match=r"Could not find backend 'does\.not\.exist'"):
        tasks.echo.using(backend="gone")


def test_the_backend_says_what_it_can():
    backend = tasks.echo.get_backend()
    assert isinstance(backend, TaskHubBackend)
    assert default_task_backend == backend
    assert [
        backend.supports_defer,
        backend.supports_async_task,
        backend.supports_get_result,
        backend.supports_priority,
    ] == [True, True, True, True]


def test_a_task_can_be_called_in_place():
    assert tasks.meaning_of_life.call() == 42
    assert tasks.echo_async.call("x") == "x"
    assert tasks.echo.call(1, a=2) == [[1], {"a": 2}]


def test_a_task_can_be_called_in_place_from_a_coroutine():
    assert async_to_sync(tasks.meaning_of_life.acall)() == 42
    assert async_to_sync(tasks.echo_async.acall)("x") == "x"
    assert not Task.objects.exists()


def test_a_task_can_be_copied():
    assert copy.deepcopy(tasks.named) == tasks.named


def test_a_task_can_be_pickled():
    for task in (tasks.echo, tasks.named, tasks.echo.using(timeout=5, tags=["x"])):
        back = pickle.loads(pickle.dumps(task))
        assert back == task
        assert back.stored == task.stored


def test_a_result_can_be_pickled():
    result = tasks.echo.enqueue(1)
    assert pickle.loads(pickle.dumps(result)) == result


def test_a_pickle_of_what_is_no_task_is_refused():
    pickled = pickle.dumps(tasks.echo).replace(b"tests.app.tasks_conf", b"tests.app.tasks_cong")
    with pytest.raises(
        taskhub.TaskhubError, match=r"No task is registered as 'tests\.app\.tasks_c"
    ):
        pickle.loads(pickled)


# -- enqueueing -----------------------------------------------------------------------------------


def test_enqueue_gives_a_result_that_is_ready():
    result = tasks.echo.enqueue(1, "two", three=3.5)
    assert (result.status, result.task, result.backend) == (Status.READY, tasks.echo, "default")
    assert (result.args, result.kwargs) == ([1, "two"], {"three": 3.5})
    assert (result.errors, result.worker_ids, result.attempts) == ([], [], 0)
    assert result.started_at is result.last_attempted_at is result.finished_at is None
    assert not result.is_finished
    assert abs(timezone.now() - result.enqueued_at) < timedelta(minutes=1)


def test_ids_are_strings_of_at_most_64_characters_and_differ():
    ids = [tasks.echo.enqueue().id for _ in range(3)]
    ids += [result.id for result in tasks.echo.enqueue_many([((), {})] * 3)]
    assert all(type(id_) is str and 0 < len(id_) <= 64 for id_ in ids)
    assert len(set(ids)) == 6


def test_the_result_of_enqueue_equals_the_one_that_is_read_back():
    for task in (tasks.echo, tasks.named, tasks.echo.using(timeout=5, max_retries=1, priority=9)):
        result = task.enqueue()
        assert task.get_result(result.id) == result


def test_attributes_of_a_result_cannot_be_modified():
    with pytest.raises(dataclasses.FrozenInstanceError):
        tasks.echo.enqueue().status = Status.RUNNING


def test_arguments_are_normalised_to_what_json_has(drain):
    result = tasks.echo.enqueue((1, 2), b"bytes", key=("x", {"y": ()}))
    assert (result.args, result.kwargs) == ([[1, 2], "bytes"], {"key": ["x", {"y": []}]})
    drain()
    result.refresh()
    assert result.return_value == [[[1, 2], "bytes"], {"key": ["x", {"y": []}]}]
    assert (result.args, result.kwargs) == ([[1, 2], "bytes"], {"key": ["x", {"y": []}]})


def test_a_tuple_that_became_a_list_cannot_be_a_key_as_the_documentation_says(drain):
    result = tasks.double_dictionary.using(max_retries=0).enqueue((1, 2, 3))
    drain()
    result.refresh()
    assert result.status == Status.FAILED
    assert "TypeError: unhashable type: 'list'" in result.errors[0].traceback


def test_arguments_that_are_not_json_are_a_type_error_and_write_nothing():
    with pytest.raises(TypeError, match="datetime"):
        tasks.echo.enqueue(datetime.now(UTC))
    with pytest.raises(TypeError, match="Ledger"):
        tasks.echo.enqueue(Ledger(note="x"))
    assert not Task.objects.exists()


async def aenqueue_and_read_back():
    result = await tasks.echo.aenqueue(1, a=2)
    same = await tasks.echo.aget_result(result.id)
    also = await default_task_backend.aget_result(result.id)
    await result.arefresh()
    with pytest.raises(compat.TaskResultMismatch):
        await tasks.named.aget_result(result.id)
    with pytest.raises(compat.TaskResultDoesNotExist):
        await tasks.echo.aget_result("999999")
    with pytest.raises(TypeError):
        await tasks.echo.aenqueue(datetime.now(UTC))
    return result, same, also


def test_the_async_variants_do_the_same():
    result, same, also = async_to_sync(aenqueue_and_read_back)()
    assert result == same == also
    assert Task.objects.get().args == [1]


def test_a_backend_enqueues_a_task_that_it_is_given():
    result = default_task_backend.enqueue(tasks.echo, (1,), {"a": 2})
    assert tasks.echo.get_result(result.id).args == [1]


def test_enqueue_on_commit_as_the_documentation_shows_it(drain):
    with transaction.atomic():
        transaction.on_commit(lambda: tasks.write_down.enqueue("after the commit"))
        assert not Task.objects.exists()
    drain()
    assert Ledger.objects.get().note == "after the commit"


def test_a_task_enqueued_in_a_transaction_is_gone_when_that_is_rolled_back():
    with transaction.atomic():
        result = tasks.echo.enqueue()
        assert result.status == Status.READY
        transaction.set_rollback(True)
    with pytest.raises(compat.TaskResultDoesNotExist):
        result.refresh()


# -- order and time -------------------------------------------------------------------------------


def test_higher_priorities_run_first_and_equal_ones_in_the_order_of_enqueueing(drain):
    for priority, text in ((-100, "f"), (0, "c"), (0, "d"), (100, "a"), (-1, "e"), (1, "b")):
        tasks.write_down.using(priority=priority).enqueue(text)
    drain("--processes", "1")
    notes = Ledger.objects.order_by("id").values_list("note", flat=True)
    assert "".join(notes) == "abcdef"


def test_a_deferred_task_waits_for_its_time(drain):
    due = timezone.now() + HOUR
    later, now = tasks.echo.using(run_after=due).enqueue(), tasks.echo.enqueue()
    drain()
    later.refresh()
    now.refresh()
    assert (later.status, later.task.run_after) == (Status.READY, due)
    assert now.status == Status.SUCCESSFUL


def test_a_time_in_the_past_means_now(drain):
    result = tasks.echo.using(run_after=timezone.now() - HOUR).enqueue()
    drain()
    assert result.get(timeout=0) == [[], {}]


def test_run_after_takes_any_time_zone(drain):
    past = (timezone.now() - HOUR).astimezone(ZoneInfo("Asia/Tokyo"))
    result = tasks.echo.using(run_after=past).enqueue()
    later = tasks.echo.using(run_after=past + 2 * HOUR).enqueue()
    drain()
    later.refresh()
    assert result.get(timeout=0) == [[], {}]
    assert (later.status, later.task.run_after) == (Status.READY, past + 2 * HOUR)


# -- results --------------------------------------------------------------------------------------


NO_IDS = ["", "0", "-1", "1.5", "abc", "9" * 19, "9" * 20, "9" * 5000, "٣", "²", " 1", "1\n", "+1"]


@pytest.mark.parametrize("result_id", NO_IDS, ids=lambda text: repr(text)[:12])
def test_an_id_that_is_none_does_not_exist(result_id):
    tasks.echo.enqueue()
    for read in (tasks.echo.get_result, default_task_backend.get_result, taskhub.get_result):
        with pytest.raises(compat.TaskResultDoesNotExist):
            read(result_id)


def test_an_id_with_leading_zeros_is_another_id():
    result = tasks.echo.enqueue()
    with pytest.raises(compat.TaskResultDoesNotExist):
        tasks.echo.get_result(f"0{result.id}")


@pytest.mark.parametrize("result_id", [None, 1, 1.0, b"1", ["1"], object()], ids=repr)
def test_an_id_that_is_no_string_does_not_exist(result_id):
    with pytest.raises(compat.TaskResultDoesNotExist):
        tasks.echo.get_result(result_id)


def test_the_result_of_another_task_is_a_mismatch():
    result = tasks.echo.enqueue()
    with pytest.raises(compat.TaskResultMismatch, match=r"received 'tests\.app\.tasks_conf.*echo'"):
        tasks.named.get_result(result.id)
    assert default_task_backend.get_result(result.id).task == tasks.echo


def test_the_result_of_unknown_code_is_a_mismatch_and_can_be_read_from_the_backend(settings):
    row = Task.objects.create(
        name="gone.task", queue="gone", state="queued", enqueued_at=timezone.now()
    )
    with pytest.raises(compat.TaskResultMismatch, match=r"received 'gone\.task'"):
        tasks.echo.get_result(str(row.pk))
    for declared in ([], ["mail"]):
        settings.TASKS = {"hub": {**OURS, "QUEUES": declared}}
        result = taskhub.get_result(str(row.pk))
        assert (result.task.name, result.task.module_path) == ("gone.task", "gone.task")
        assert copy.deepcopy(result) == result


def test_a_result_does_not_change_until_it_is_refreshed(run_worker, tmp_path):
    go_on = tmp_path / "go on"
    result = tasks.wait_for_file.enqueue(str(go_on))
    seen = [result.status]
    worker = run_worker("--processes", "1")

    def is_running():
        return tasks.wait_for_file.get_result(result.id).status == Status.RUNNING

    eventually(is_running, timeout=20)
    assert result.status == Status.READY
    result.refresh()
    seen.append(result.status)
    assert (result.attempts, len(result.worker_ids), result.is_finished) == (1, 1, False)
    assert result.started_at == result.last_attempted_at >= result.enqueued_at
    with pytest.raises(ValueError, match="Task has not finished yet"):
        assert result.return_value
    go_on.touch()

    def is_finished():
        return tasks.wait_for_file.get_result(result.id).is_finished

    eventually(is_finished, timeout=20)
    async_to_sync(result.arefresh)()
    seen.append(result.status)
    assert seen == [Status.READY, Status.RUNNING, Status.SUCCESSFUL]
    assert (result.return_value, result.is_finished, result.errors) == ("found", True, [])
    assert result.enqueued_at <= result.started_at <= result.finished_at
    worker.stop()


def test_the_return_value_of_a_task_that_waits_or_failed_is_a_value_error(drain):
    result = tasks.raise_nested.enqueue()
    with pytest.raises(ValueError, match="Task has not finished yet"):
        assert result.return_value
    drain()
    result.refresh()
    assert result.status == Status.FAILED
    with pytest.raises(ValueError, match="Task failed"):
        assert result.return_value


def test_none_and_false_are_return_values_too(drain):
    nothing, values = tasks.write_down.enqueue(""), [0, "", [], False, None]
    results = [tasks.echo_async.enqueue(value) for value in values]
    drain()
    assert [result.get(timeout=0) for result in results] == values
    nothing.refresh()
    assert (nothing.status, nothing.return_value) == (Status.SUCCESSFUL, None)


def test_errors_carry_their_class_and_their_traceback(drain):
    nested = tasks.raise_nested.enqueue()
    missing = tasks.raise_does_not_exist.enqueue()
    drain()
    nested.refresh()
    missing.refresh()
    (error,) = nested.errors
    assert error.exception_class is tasks.Outer.Nested
    assert error.exception_class_path == "tests.app.tasks_conformance.Outer.Nested"
    assert error.traceback.startswith("Traceback (most recent call last):\n")
    assert 'raise Outer.Nested("inside")' in error.traceback
    assert error.traceback.rstrip().endswith("Outer.Nested: inside")
    assert missing.errors[0].exception_class is Ledger.DoesNotExist


def test_the_class_of_an_error_is_not_imported_because_a_row_names_it(drain, tmp_path):
    result = tasks.raise_a_class_that_nobody_imported.enqueue(str(tmp_path))
    drain()
    result.refresh()
    (error,) = result.errors
    assert error.exception_class_path == "only_in_the_worker.Strange"
    for path in ("only_in_the_worker.Strange", "this.Anything", "subprocess.run", "ValueError", ""):
        named = dataclasses.replace(error, exception_class_path=path)
        with pytest.raises(ValueError, match="is not an exception class that this process has"):
            assert named.exception_class


def test_each_attempt_leaves_a_worker_id_and_each_failure_an_error(run_worker):
    worker = run_worker("--processes", "1")
    result = tasks.describe_the_context.enqueue(3)
    told = result.get(timeout=20)
    assert (result.attempts, len(result.worker_ids), len(result.errors)) == (3, 3, 2)
    assert [error.message for error in result.errors] == ["attempt 1", "attempt 2"]
    assert all(type(worker_id) is str and worker_id for worker_id in result.worker_ids)
    assert result.started_at < result.last_attempted_at <= result.finished_at
    assert told == {
        "attempt": 3,
        "id": result.id,
        "status": "RUNNING",
        "attempts": 3,
        "workers": 3,
        "args": [3],
        "errors": ["attempt 1", "attempt 2"],
        "remaining": True,
        "deadline": told["deadline"],
        "is_cancelled": False,
    }
    assert datetime.fromisoformat(told["deadline"]) > result.last_attempted_at
    worker.stop()


def test_the_context_cannot_be_modified(drain):
    result = tasks.try_to_change_the_context.enqueue()
    drain()
    assert result.get(timeout=0) == ["attempt", "task_result", "anything"]


def test_a_task_that_never_started_has_no_start(drain):
    """Also when a worker had claimed it and gave it back."""
    result = tasks.echo.using(queue_name="nobody").enqueue()
    drain("--queue", "somebody")
    Task.objects.update(started_at=timezone.now())  # as a claim that was given back leaves it
    result.refresh()
    assert (result.started_at, result.last_attempted_at, result.attempts) == (None, None, 0)


# -- signals --------------------------------------------------------------------------------------


@pytest.fixture
def heard():
    """What `task_enqueued` told this process, as `(sender, result)`."""
    told = []

    def receive(sender, task_result, **kwargs):
        told.append((sender, task_result))

    compat.task_enqueued.connect(receive)
    yield told
    compat.task_enqueued.disconnect(receive)


def test_task_enqueued_is_sent_with_the_class_of_the_backend_and_the_result(heard):
    one = tasks.echo.enqueue(1)
    many = tasks.echo.enqueue_many([((2,), {}), ((3,), {})])
    assert [sender for sender, _ in heard] == [TaskHubBackend] * 3
    assert [result for _, result in heard] == [one, *many]


def test_results_of_many_are_a_sequence_that_gives_the_same_result_each_time():
    many = tasks.echo.enqueue_many([((number,), {}) for number in range(5)])
    assert many[1] is many[1] is many[-4] is list(many)[1]
    assert [result.args for result in many[1:3]] == [[1], [2]]
    one = [tasks.echo.enqueue(6)]
    assert many + one == [*many, *one]
    assert one + many == [*one, *many]
    with pytest.raises(IndexError):
        many[5]


def test_task_enqueued_is_not_sent_for_what_is_refused(heard):
    with pytest.raises(TypeError):
        tasks.echo.enqueue(object())
    with pytest.raises(TypeError):
        tasks.echo.enqueue_many([((1,), {}), ((object(),), {})])
    assert heard == []


def signals_of(result):
    notes = Ledger.objects.filter(task_id=int(result.id)).order_by("id")
    return list(notes.values_list("note", flat=True))


def test_started_and_finished_are_sent_in_the_worker_with_the_class_of_the_backend(run_worker):
    """Before each receiver that writes down what it hears stands one that raises."""
    good, bad = tasks.echo.enqueue(), tasks.raise_nested.enqueue()
    worker = run_worker("--drain", "--processes", "1", env={"TASKHUB_TEST_SIGNALS": "1"})
    assert worker.wait(30) == 0
    assert signals_of(good) == [
        "task_started TaskHubBackend RUNNING 1 worker",
        "task_finished TaskHubBackend SUCCESSFUL 1 worker",
    ]
    assert signals_of(bad) == [
        "task_started TaskHubBackend RUNNING 1 worker",
        "task_finished TaskHubBackend FAILED 1 worker",
    ]


def test_a_failure_is_logged_with_its_reason(run_worker):
    worker = run_worker("--processes", "1", env={"TASKHUB_TEST_LOGGING": "1"})
    assert tasks.raise_nested.enqueue().wait(20)
    worker.wait_for_output("state=FAILED")
    worker.stop()
    assert "NoneType: None" not in worker.output
    assert "Traceback" in worker.output


def test_started_is_sent_for_each_attempt_and_finished_once(run_worker):
    worker = run_worker("--processes", "1", env={"TASKHUB_TEST_SIGNALS": "1"})
    result = tasks.describe_the_context.enqueue(2)
    assert result.wait(20)
    eventually(lambda: len(signals_of(result)) == 3, timeout=20)
    assert signals_of(result) == [
        "task_started TaskHubBackend RUNNING 1 worker",
        "task_started TaskHubBackend RUNNING 2 worker",
        "task_finished TaskHubBackend SUCCESSFUL 2 worker",
    ]
    worker.stop()


def test_finished_is_also_sent_for_a_task_that_is_cancelled_before_it_runs():
    told = []

    def receive(sender, task_result, **kwargs):
        told.append((sender, task_result.id, task_result.status, type(sys.exception())))

    compat.task_finished.connect(receive)
    try:
        result = tasks.echo.enqueue()
        result.revoke()
    finally:
        compat.task_finished.disconnect(receive)
    assert told == [(TaskHubBackend, result.id, Status.FAILED, TaskCancelled)]


# -- Django's own backends and several backends ---------------------------------------------------


def test_our_definitions_run_on_djangos_immediate_backend(settings):
    settings.TASKS = {"default": {**django_backend("Immediate"), "QUEUES": []}}
    result = tasks.echo.enqueue(1, a=(2,))
    assert (result.status, result.return_value) == (Status.SUCCESSFUL, [[1], {"a": [2]}])
    assert tasks.echo_async.enqueue("x").return_value == "x"
    assert tasks.named.using(priority=5).enqueue().return_value == "named"
    failed = tasks.raise_nested.enqueue()
    assert (failed.status, len(failed.errors)) == (Status.FAILED, 1)
    assert not Task.objects.exists()


def test_our_definitions_are_stored_by_djangos_dummy_backend(settings):
    settings.TASKS = {"default": {**django_backend("Dummy"), "QUEUES": []}}
    results = [tasks.echo.enqueue(1), tasks.named.using(timeout=5).enqueue()]
    assert [result.status for result in results] == [Status.READY, Status.READY]
    assert default_task_backend.results == results
    assert tasks.echo.get_result(results[0].id) == results[0]
    assert not Task.objects.exists()


def test_enqueue_many_needs_our_backend_and_says_so(settings):
    settings.TASKS = {"default": django_backend("Immediate")}
    with pytest.raises(taskhub.TaskhubError, match=r"expected taskhub\.backend\.TaskHubBackend"):
        tasks.echo.enqueue_many([((), {})])


def test_using_chooses_among_backends(settings):
    settings.TASKS = {"default": django_backend("Immediate"), "hub": {**OURS, "QUEUES": []}}
    assert tasks.echo.enqueue().return_value == [[], {}]
    result = tasks.echo.using(backend="hub").enqueue()
    assert (result.backend, result.task.backend, Task.objects.count()) == ("hub", "hub", 1)
    assert taskhub.get_result(result.id) == result


def test_a_plain_task_of_django_runs_on_our_backend_beside_another_default(
    processes, settings, tmp_path
):
    (tmp_path / "plain_tasks.py").write_text(
        f"from {django_tasks.__name__} import task\n"
        "def print_it():\n"
        "    print('it')\n"
        "@task\n"
        "def plain(number):\n"
        "    return number + 1\n"
        "other_name = task(print_it)\n"
        "urlpatterns = []\n"
    )
    (tmp_path / "plain_settings.py").write_text(
        "from tests.settings import *\n"
        "INSTALLED_APPS = [app for app in INSTALLED_APPS if app not in ('taskhub.demo', 'tests.app')]\n"
        "ROOT_URLCONF = 'plain_tasks'\n"
        f"TASKS = {{'default': {{**{django_backend('Immediate')!r}, 'QUEUES': []}},\n"
        f"         'hub': {{**{OURS!r}, 'QUEUES': []}}}}\n"
    )
    (tmp_path / "enqueue.py").write_text(
        "import django, taskhub; django.setup()\n"
        "import plain_tasks; from plain_tasks import plain\n"
        "assert type(plain).__name__ == 'Task', type(plain)\n"
        "assert plain.enqueue(1).return_value == 2\n"
        "plain.using(backend='hub', priority=5).enqueue(41)\n"
        "try:\n"
        "    plain_tasks.other_name.using(backend='hub').enqueue()\n"
        "except taskhub.TaskhubError as error:\n"
        "    print(error)\n"
    )
    env = {"PYTHONPATH": f"{tmp_path}:.", "DJANGO_SETTINGS_MODULE": "plain_settings"}
    enqueuer = processes.start(sys.executable, str(tmp_path / "enqueue.py"), env=env)
    assert enqueuer.wait(30) == 0, enqueuer.output
    assert "plain_tasks.print_it is not a task where a worker would look for it" in enqueuer.output
    worker = processes.start(
        sys.executable,
        "-c",
        "import plain_tasks\n"
        "from django.core.management import execute_from_command_line as run\n"
        "run(['manage.py', 'runworker', '--drain'])",
        env=env,
    )
    assert worker.wait(30) == 0, worker.output
    row = Task.objects.get()
    assert (row.name, row.state, row.priority) == ("plain_tasks.plain", "succeeded", 5)
    assert row.results.get().value == 42


def test_djangos_checks_ask_our_backend(settings):
    checks = import_module(f"{django_tasks.__name__}.checks")
    settings.TASKS = {"default": {**OURS, "OPTIONS": {"queue_size": 3}}}
    (message,) = checks.check_tasks()
    assert message.id == "taskhub.E005"
    assert "'queue_size'" in message.msg
