"""Cancel and retry by tag, by queue and by other filters; and the counts that a dry run gives."""

import pytest

from taskhub import monitor
from taskhub.errors import InvalidFilter
from taskhub.models import Task, TaskTag
from taskhub.states import FINISHED, LIVE, TaskState
from tests.engines.builders import ago, make_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def one_of_each(worker):
    """A task in every state, in each of two queues."""
    return {
        queue: {state: make_task(state, worker, queue=queue) for state in TaskState}
        for queue in ("left", "right")
    }


def states(queue):
    return set(Task.objects.filter(queue=queue).values_list("state", flat=True))


def snapshot():
    return list(Task.objects.order_by("id").values())


def both(act, **filters):
    """What a dry run counts, which must change nothing, and then what is done."""
    before = snapshot()
    counted = act(dry_run=True, **filters)
    assert snapshot() == before
    assert act(**filters) == counted
    return counted


def test_cancel_by_queue_ends_what_waits_and_asks_what_runs(one_of_each):
    assert both(monitor.cancel_by_queue, queue="left", reason="no more") == len(LIVE)
    assert both(monitor.cancel_by_queue, queue="left") == 0, "asked once"
    running = one_of_each["left"][TaskState.RUNNING]
    running.refresh_from_db()
    assert (running.state, running.reason) == ("running", "no more")
    assert states("left") == FINISHED | {"running"}
    assert states("right") == set(TaskState)


def test_retry_by_queue_queues_what_ended_without_success(one_of_each):
    assert both(monitor.retry_by_queue, queue="left") == 3
    assert states("left") == set(TaskState) - {"failed", "cancelled", "expired"}
    assert states("right") == set(TaskState)


def test_by_tag(worker):
    chosen = [make_task(TaskState.QUEUED), make_task(TaskState.FAILED)]
    TaskTag.objects.bulk_create([TaskTag(task=task, name="import") for task in chosen])
    others = [make_task(TaskState.QUEUED), make_task(TaskState.FAILED)]
    TaskTag.objects.bulk_create([TaskTag(task=task, name="export") for task in others])
    assert both(monitor.retry_by_tag, tag="import") == 1
    assert both(monitor.cancel_by_tag, tag="import", reason="wrong file") == 2
    assert [Task.objects.get(id=task.pk).state for task in others] == ["queued", "failed"]


def test_a_retry_leaves_out_those_whose_unique_key_another_has():
    make_task(TaskState.FAILED, unique_key="a")
    make_task(TaskState.QUEUED, unique_key="a", unique_lock="a")
    one, other = (make_task(TaskState.FAILED, unique_key="b") for _ in range(2))
    make_task(TaskState.FAILED)
    assert both(monitor.retry_by_queue, queue="default") == 2
    assert [Task.objects.get(id=task.pk).state for task in (one, other)] == ["queued", "failed"]


@pytest.mark.parametrize(
    "filters, count",
    [
        ({"name": "mail.send"}, 1),
        ({"name": "mail.*"}, 2),
        ({"name": ["mail.send", "report*"]}, 2),
        ({"state": "queued"}, 3),
        ({"state": ["queued", TaskState.PENDING]}, 4),
        ({"state": "succeeded"}, 0),
        ({"queue": ["a", "b"], "name": "mail.*"}, 1),
        ({"enqueued_before": 50}, 4),
        ({"enqueued_before": 50, "enqueued_after": 70}, 3),
        ({"enqueued_after": 10}, 0),
        ({"workflow": 1}, 0),
        ({"parent": 1}, 0),
    ],
)
def test_by_other_filters(filters, count):
    make_task(name="mail.send", queue="a")
    make_task(name="mail.receive", queue="c")
    make_task(name="report", queue="b")
    make_task(TaskState.PENDING, name="clean", queue="b", enqueued_at=ago(100))
    times = {key: ago(value) for key, value in filters.items() if key.startswith("enqueued_")}
    assert both(monitor.cancel_where, **{**filters, **times}) == count


def test_children_that_have_not_started_are_counted_and_cancelled_with_their_parents(worker):
    parent = make_task(TaskState.RUNNING, worker, queue="a")
    child = make_task(queue="b", parent=parent)
    make_task(queue="a", parent=child)
    make_task(queue="b", parent=make_task(queue="b", parent=parent))
    make_task(TaskState.RUNNING, worker, queue="b", parent=parent)
    assert both(monitor.cancel_where, queue="a") == 5
    assert both(monitor.cancel_where, queue=["a", "b"]) == 1


@pytest.mark.parametrize(
    "filters, words",
    [
        ({}, "No filter was given"),
        ({"queu": "a"}, "did you mean 'queue'?"),
        ({"colour": "red"}, "known filters: name, queue, state"),
        ({"queue": 7}, "queue=7: expected a text, or a list of texts"),
        ({"tag": ["a"]}, r"tag=\['a'\]: expected a text"),
        ({"state": "done"}, "state='done': expected one of pending, queued"),
        ({"workflow": "7"}, "workflow='7': expected an id"),
        ({"enqueued_before": "today"}, "enqueued_before='today': expected an aware datetime"),
        ({"enqueued_after": ago(1).replace(tzinfo=None)}, "expected an aware datetime"),
    ],
)
def test_a_filter_that_makes_no_sense_changes_nothing(filters, words):
    make_task()
    make_task(TaskState.FAILED)
    for act in (monitor.cancel_where, monitor.retry_where):
        with pytest.raises(InvalidFilter, match=words.replace("?", r"\?")):
            act(**filters)
        with pytest.raises(InvalidFilter):
            act(dry_run=True, **filters)
    assert set(Task.objects.values_list("state", flat=True)) == {"queued", "failed"}


def test_a_thousand_are_done_in_batches():
    Task.objects.bulk_create(
        [Task(name="n", queue="many", state="queued", enqueued_at=ago(1)) for _ in range(1100)]
    )
    assert both(monitor.cancel_by_queue, queue="many") == 1100
    assert both(monitor.retry_where, queue="many", state="cancelled") == 1100
