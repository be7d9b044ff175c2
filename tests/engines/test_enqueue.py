"""Enqueueing: a task exists if and only if the transaction that it was enqueued in commits."""

import asyncio

import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.db import IntegrityError, transaction

from taskhub import queue
from taskhub.errors import EnqueueFailed, InvalidArguments
from taskhub.models import Queue, Task, TaskTag
from taskhub.queue.birth import new_row
from taskhub.states import TaskState, WaitsFor
from tests.app import tasks
from tests.engines.builders import ago
from tests.helpers import acting_as

pytestmark = pytest.mark.django_db(transaction=True)


def refused(definition):
    """A copy that the database refuses, past the checks that would have said so before."""
    definition = definition.using()
    object.__setattr__(definition, "priority", 101)
    return definition


def test_a_task_is_born_queued_with_what_it_was_given():
    task_id, row = queue.enqueue(tasks.add.using(priority=-5, tags=["b", "a"]), (1,), {"b": "ü"})
    task = Task.objects.get(id=task_id)
    assert (task.state, task.waits_for, task.run_after) == ("queued", "", None)
    assert (task.name, task.queue, task.priority) == ("tests.app.tasks.add", "default", -5)
    assert (task.args, task.kwargs) == ([1], {"b": "ü"})
    assert (task.attempt, task.claim_no, task.failures, task.losses) == (0, 0, 0, 0)
    assert task.enqueued_at == row.enqueued_at
    assert list(task.tags.values_list("name", flat=True)) == ["a", "b"]


def test_a_task_for_later_is_born_pending():
    later = ago(-60)
    task_id, _ = queue.enqueue(tasks.add.using(run_after=later, expires=ago(-120)), (1,), {})
    task = Task.objects.get(id=task_id)
    assert (task.state, task.waits_for) == (TaskState.PENDING, WaitsFor.TIME)
    assert task.run_after == later
    assert task.expires_at > later


def test_a_task_is_seen_by_others_when_its_transaction_commits(second_connection):
    with transaction.atomic():
        task_id, _ = queue.enqueue(tasks.add, (1,), {})
        ids, _ = queue.enqueue_many(tasks.add, [((2,), {}), ((3,), {})])
        with acting_as(second_connection):
            assert Task.objects.count() == 0
    with acting_as(second_connection):
        seen = list(Task.objects.order_by("id").values_list("id", flat=True))
    assert seen == [task_id, *ids]


def test_a_transaction_that_rolls_back_leaves_no_task():
    with pytest.raises(RuntimeError), transaction.atomic():
        queue.enqueue(tasks.add.using(tags=["mail"]), (1,), {})
        queue.enqueue_many(tasks.add.using(tags=["mail"]), [((1,), {})] * 3)
        raise RuntimeError
    assert not Task.objects.exists()
    assert not TaskTag.objects.exists()


def test_a_savepoint_that_rolls_back_takes_its_tasks_with_it():
    with transaction.atomic():
        kept, _ = queue.enqueue(tasks.add, (1,), {})
        with pytest.raises(RuntimeError), transaction.atomic():
            queue.enqueue(tasks.add, (2,), {})
            raise RuntimeError
    assert list(Task.objects.values_list("id", flat=True)) == [kept]


def test_a_refused_task_leaves_the_callers_transaction_usable():
    with transaction.atomic():
        Queue.objects.create(name="the caller's own work")
        with pytest.raises(
            EnqueueFailed, match=r"'default' refused the task tests\.app\.tasks\.add"
        ):
            queue.enqueue(refused(tasks.add), (1,), {})
        with pytest.raises(EnqueueFailed):
            queue.enqueue(refused(tasks.add.using(tags=["mail"])), (1,), {})
        with pytest.raises(EnqueueFailed):
            queue.enqueue_many(refused(tasks.add), [((1,), {})] * 3)
        kept, _ = queue.enqueue(tasks.add, (1,), {})
    assert list(Task.objects.values_list("id", flat=True)) == [kept]
    assert Queue.objects.count() == 1


def test_a_refused_task_outside_a_transaction_leaves_nothing_behind():
    for definition in (refused(tasks.add), refused(tasks.add.using(tags=["mail"]))):
        with pytest.raises(EnqueueFailed):
            queue.enqueue(definition, (1,), {})
        with pytest.raises(EnqueueFailed):
            queue.enqueue_many(definition, [((1,), {})] * 3)
    assert not Task.objects.exists()
    assert not TaskTag.objects.exists()


def test_many_are_enqueued_all_or_none(hub):
    rows = [new_row(tasks.add, (number,), {}) for number in range(500)]
    rows[333] = rows[333]._replace(priority=101)
    with pytest.raises(IntegrityError):
        hub.insert_many(rows)
    assert not Task.objects.exists()


def test_a_bad_call_among_many_is_named_and_nothing_is_written():
    with pytest.raises(InvalidArguments, match=r"^call 2: "):
        queue.enqueue_many(tasks.add, [((1,), {}), ((2,), {}), ((object(),), {})])
    with pytest.raises(InvalidArguments, match=r"^call 1 is "):
        queue.enqueue_many(tasks.add, [((1,), {}), 7])
    assert not Task.objects.exists()


def test_no_calls_make_no_tasks():
    assert queue.enqueue_many(tasks.add, []) == ([], [])


@pytest.mark.parametrize("is_in_transaction", [False, True])
def test_ten_thousand_tasks_get_ids_in_the_order_of_the_calls(is_in_transaction):
    calls = [((number,), {"b": f"b{number}"}) for number in range(10_000)]
    if is_in_transaction:
        with transaction.atomic():
            ids, rows = queue.enqueue_many(tasks.add, iter(calls))
    else:
        ids, rows = queue.enqueue_many(tasks.add, iter(calls))
    assert len(ids) == len(rows) == len(calls)
    assert ids == sorted(set(ids))
    stored = Task.objects.order_by("id").values_list("id", "args", "kwargs")
    expected = [(i, list(args), kwargs) for i, (args, kwargs) in zip(ids, calls, strict=True)]
    assert list(stored) == expected


HOSTILE = [
    "\\", "\\N", "\\.", "\t", "\n", "\r\n", "a\tb\nc\\", "\\t", "'", '"', "%s", "%%", "$1", "{}", ",",
    "\x01\x7f", "\x85\u2028", "ü", "\U0001f600", "", " ", "NULL",
]  # fmt: skip


def test_no_text_gets_lost_among_many_tasks():
    calls = [((text, [text]), {f"k{text}": {text: text}}) for text in HOSTILE]
    ids, _ = queue.enqueue_many(tasks.add, calls)
    stored = Task.objects.order_by("id").values_list("id", "args", "kwargs")
    expected = [(i, list(args), kwargs) for i, (args, kwargs) in zip(ids, calls, strict=True)]
    assert list(stored) == expected


def test_no_text_gets_lost_in_the_other_columns(hub):
    row = new_row(tasks.add.using(sensitive=HOSTILE[2:4]), (1,), {})
    rows = [row._replace(name=f"n{text}", queue=f"q{text}") for text in HOSTILE]
    ids = hub.insert_many(rows)
    stored = Task.objects.order_by("id").values_list("id", "name", "queue", "masked")
    assert list(stored) == [
        (i, f"n{text}", f"q{text}", HOSTILE[2:4]) for i, text in zip(ids, HOSTILE, strict=True)
    ]


def test_rows_of_different_tasks_can_be_inserted_together(hub):
    later, urgent = tasks.add.using(countdown=60), tasks.add.using(priority=9, max_retries=0)
    rows = [new_row(d, (n,), {}) for n in range(50) for d in (later, urgent, urgent, tasks.add)]
    ids = hub.insert_many(rows)
    columns = ("state", "waits_for", "priority", "max_retries", "run_after", "enqueued_at")
    stored = Task.objects.order_by("id").values_list("id", *columns)
    assert list(stored) == [
        (i, *(getattr(row, column) for column in columns)) for i, row in zip(ids, rows, strict=True)
    ]


def test_ids_of_many_are_right_beside_another_enqueuer(second_connection, hub):
    """Also where two sessions draw ids in turn."""
    ids, others = [], []
    for number in range(5):
        ids += hub.insert_many([new_row(tasks.add, (number, n), {}) for n in range(20)])
        with acting_as(second_connection):
            others += hub.insert_many([new_row(tasks.add, (number,), {})])
    assert len(set(ids + others)) == 105
    stored = Task.objects.filter(id__in=ids).order_by("id").values_list("id", "args")
    expected = zip(ids, [[number, n] for number in range(5) for n in range(20)], strict=True)
    assert list(stored) == list(expected)


def test_enqueue_refuses_to_block_an_event_loop():
    async def inside():
        queue.enqueue(tasks.add, (1,), {})

    with pytest.raises(SynchronousOnlyOperation):
        asyncio.run(inside())


def test_tags_of_many_tasks_are_written_with_them():
    ids, _ = queue.enqueue_many(tasks.add.using(tags=["a", "b"]), [((1,), {})] * 600)
    tags = TaskTag.objects.order_by("task_id", "name").values_list("task_id", "name")
    assert list(tags) == [(task_id, name) for task_id in ids for name in ("a", "b")]


def test_bulk_and_single_enqueue_write_the_same_row():
    definition = tasks.add.using(priority=3, countdown=60, expires=600, max_retries=1)
    one, _ = queue.enqueue(definition, (1,), {"b": 2})
    (other,), _ = queue.enqueue_many(definition, [((1,), {"b": 2})])
    first, second = (Task.objects.filter(id=i).values().get() for i in (one, other))
    differing = {key for key in first if first[key] != second[key]}
    assert differing <= {"id", "enqueued_at", "run_after", "expires_at"}
