"""A receiver of a signal never returns: it is interrupted, then killed, and the slot goes on with other tasks."""

import pytest

from taskhub import TaskState, chain
from taskhub.models import Task, Worker
from tests.app import tasks, tasks_faults
from tests.faults.record import outcomes
from tests.helpers import eventually

# Signals, threads and the event loop are the same on each database.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("sqlite")]

ONE_SLOT = pytest.mark.parametrize(
    "options",
    [("--processes", 1), ("--threads", 1), ("--async", 1)],
    ids=["process", "thread", "event loop"],
)


@ONE_SLOT
def test_a_receiver_that_cannot_be_stopped_is_killed_and_costs_no_task_anything(
    options, run_worker
):
    run_worker(*options, env={"TASKHUB_TEST_HANGING": "task_finished hang_whatever_comes"})
    told, following = tasks_faults.be_told_of.enqueue(), tasks.add.enqueue(1)
    assert following.get(timeout=30) == 1
    assert told.get(timeout=0) == "fine"
    assert outcomes(told.id) == ["succeeded"]
    assert set(Task.objects.values_list("losses", "failures", "interruptions")) == {(0, 0, 0)}


def test_a_receiver_that_can_be_interrupted_is_and_its_process_goes_on(run_worker):
    env = {"TASKHUB_TEST_HANGING": "task_finished hang"}
    worker = run_worker("--processes", 1, env=env)
    told, following = tasks_faults.be_told_of.enqueue(), tasks.add.enqueue(1)
    assert following.get(timeout=30) == 1
    assert told.get(timeout=0) == "fine"
    assert Worker.objects.filter(kind="executor").count() == 1
    assert f"Who was told of task {told.id} failed" in worker.output


@ONE_SLOT
def test_a_receiver_of_the_start_has_the_time_of_the_attempt(options, run_worker):
    run_worker(*options, env={"TASKHUB_TEST_HANGING": "task_started hang_whatever_comes"})
    told, following = tasks_faults.be_told_of.enqueue(), tasks.add.enqueue(1)
    assert following.get(timeout=30) == 1
    told.refresh()
    assert told.state == TaskState.FAILED
    assert told.errors[0].exception_class_path == "taskhub.errors.TaskTimeout"


def test_who_is_told_of_a_dependent_that_will_never_run_holds_up_no_child(run_worker):
    """The dependent ends in the control thread, which must go on giving signs of life."""
    run_worker("--processes", 1, env={"TASKHUB_TEST_HANGING": "task_finished hang_whatever_comes"})
    never = chain(tasks.fail.s(), tasks_faults.be_told_of.si()).enqueue()
    eventually(lambda: never.refresh() or never.state == TaskState.CANCELLED)
    assert [tasks.add.enqueue(number).get(timeout=20) for number in range(3)] == [0, 1, 2]
    assert Worker.objects.filter(kind="executor").count() == 1
