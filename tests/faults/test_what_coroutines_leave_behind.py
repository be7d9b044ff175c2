"""A coroutine starts others and does not wait for them: they end with it, and do not run beside the next task."""

import pytest

from taskhub import TaskState
from tests.app import tasks, tasks_pools
from tests.helpers import eventually

# Signals, threads and the event loop are the same on each database.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("sqlite")]

POOLS = pytest.mark.parametrize(
    "options",
    [("--processes", 1), ("--threads", 1), ("--async", 1)],
    ids=["process", "thread", "event loop"],
)


@POOLS
def test_what_a_coroutine_leaves_behind_is_cancelled_at_its_end(options, run_worker, tmp_path):
    run_worker(*options)
    path = tmp_path / "lines"
    result = tasks_pools.leave_a_part_behind.enqueue(str(path))
    assert result.get(timeout=30) == "done"
    lines = path.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("line", "left")
    assert tasks.add_slowly.enqueue(1, 1).get(timeout=30) == 2
    assert path.read_text().splitlines() == lines, "nothing ran beside the next task"


@POOLS
def test_what_does_not_leave_is_waited_for_within_the_timeout(options, run_worker, tmp_path):
    run_worker(*options)
    path = tmp_path / "lines"
    result = tasks_pools.leave_a_part_behind.enqueue(str(path), 3)
    assert result.wait(30)
    assert result.state == TaskState.FAILED
    assert result.errors[0].exception_class_path == "taskhub.errors.TaskTimeout"
    assert path.read_text().splitlines()[-1] == "left", "the slot was not free before that"
    assert tasks.add_slowly.enqueue(1, 1).get(timeout=30) == 2


@POOLS
def test_a_coroutine_begins_without_what_another_has_put_into_the_context(options, run_worker):
    run_worker(*options)
    said = [tasks_pools.say_after_another.enqueue(str(number)) for number in range(5)]
    eventually(lambda: all(result.wait(20) for result in said), timeout=30)
    assert {result.get(timeout=0) for result in said} == {"nothing"}
