"""Tasks that no living worker can run are found, wherever they stand."""

import pytest

from taskhub import capability, monitor, queue
from taskhub.engines import get_engine
from taskhub.models import Task
from taskhub.queue.fronts import QUEUES, fronts
from taskhub.states import TaskState
from tests.engines.builders import ago, make_task, make_worker, new_task

pytestmark = pytest.mark.django_db


def start_worker(name="w1", tasks=("known",), queues=(), **columns):
    """Make the row of a whole worker."""
    pairs = [[queue, 1] for queue in queues]
    return make_worker(name, kind="worker", tasks=list(tasks), queues=pairs, **columns)


def stranded():
    return [
        (one.queue, one.name, one.count, one.is_queue_taken)
        for one in monitor.tasks_without_worker()
    ]


def test_a_name_that_no_living_worker_knows_is_told_with_its_queue_and_how_long_it_waits():
    start_worker()
    make_task(name="known")
    first = make_task(name="strange", enqueued_at=ago(300))
    make_task(name="strange")
    make_task(TaskState.PENDING, name="strange")
    assert stranded() == [("default", "strange", 2, True)]
    assert monitor.tasks_without_worker()[0].oldest_at == first.enqueued_at


def test_a_queue_that_no_living_worker_takes_is_told():
    start_worker(queues=["mail"])
    make_task(name="known", queue="mail")
    make_task(name="known", queue="reports")
    assert stranded() == [("reports", "known", 1, False)]


def test_one_worker_has_to_take_the_queue_and_know_the_name():
    start_worker("w1", tasks=["a"], queues=["mail"])
    start_worker("w2", tasks=["b"], queues=["reports"])
    make_task(name="b", queue="mail")
    assert stranded() == [("mail", "b", 1, True)]
    start_worker("w3", tasks=["b"])
    assert stranded() == []


def test_a_worker_that_is_silent_or_has_stopped_can_run_nothing():
    start_worker("silent", heartbeat_at=ago(31))
    start_worker("stopped", stopped_at=ago(1))
    make_worker("w1/1", tasks=["known"])  # a child is no worker
    make_task(name="known")
    assert stranded() == [("default", "known", 1, False)]


def test_nothing_is_told_of_a_paused_queue():
    make_task(name="known")
    queue.pause("default")
    assert stranded() == []


def test_what_is_retried_waits_since_it_was_due():
    due = ago(20)
    make_task(name="known", enqueued_at=ago(5000), run_after=due)
    assert monitor.tasks_without_worker()[0].oldest_at == due


def test_it_is_found_behind_a_backlog_of_a_higher_priority():
    start_worker()
    Task.objects.bulk_create(
        new_task(TaskState.QUEUED, name="known", priority=priority)
        for priority in (9, 5)
        for _ in range(capability.SAMPLE + 10)
    )
    make_task(name="strange", priority=-3)
    assert stranded() == [("default", "strange", 1, True)]


def test_a_count_goes_no_further_than_the_sample():
    Task.objects.bulk_create(new_task(TaskState.QUEUED) for _ in range(capability.SAMPLE + 10))
    (one,) = monitor.tasks_without_worker()
    assert one.count == capability.SAMPLE


def test_queues_are_asked_for_in_statements_of_a_hundred(django_assert_num_queries):
    names = [f"q{number:03}" for number in range(QUEUES + 1)]
    for name in names:
        make_task(queue=name)
    with django_assert_num_queries(2):
        assert len(capability.waiting(names)) == len(names)


@pytest.mark.only_on("sqlite", "postgresql")
def test_the_names_of_all_queues_are_found_by_one_statement(django_assert_num_queries):
    for number in range(30):
        make_task(queue=f"q{number:02}")
        make_task(TaskState.PENDING, queue=f"p{number:02}")
    engine = get_engine()
    with django_assert_num_queries(2):
        assert engine.queued_names() == [f"q{number:02}" for number in range(30)]
        assert engine.waiting_names() == [f"p{number:02}" for number in range(30)]


def test_below_the_priorities_of_which_a_sample_is_read_the_first_task_is_looked_at():
    for priority in range(12):
        for _ in range(3):
            make_task(priority=priority)
    read = [(part.priority, part.number) for part in fronts(["default"], 2)]
    sampled = [(priority, 2) for priority in range(11, 6, -1)]
    assert read == [*sampled, (6, 1), (5, 1), (4, 1), (3, 1), (2, 1)]
