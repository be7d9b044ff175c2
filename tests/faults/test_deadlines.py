"""Timeouts: they interrupt what can be interrupted, kill what cannot, and hit nobody else."""

import time

import pytest

from taskhub import TaskState
from taskhub.models import Result, Task, Worker
from tests.app import tasks
from tests.app.tasks_context import hook_that_cannot_be_stopped
from tests.app.tasks_pools import compute_in_one_call
from tests.faults.record import executors, wait_for_finished
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    "task, args",
    [(tasks.nap, (30,)), (tasks.spin, (30,)), (tasks.read_a_silent_socket, ())],
    ids=["blocking call", "python loop", "socket read"],
)
def test_a_soft_timeout_interrupts(task, args, run_worker):
    run_worker("--processes", "1")
    result = task.using(timeout=0.3, max_retries=0).enqueue(*args)
    assert result.wait(60)
    assert (result.state, result.errors[0].exception_class.__name__) == (
        TaskState.FAILED,
        "TaskTimeout",
    )


def test_a_task_that_swallows_its_timeout_is_shot_again(run_worker, tmp_path):
    worker = run_worker("--processes", "1")
    path = tmp_path / "swallowed"
    result = tasks.swallow_the_first_timeout.enqueue(str(path))
    assert result.wait(60)
    assert path.exists()
    assert result.errors[0].exception_class.__name__ == "TaskTimeout"
    assert Worker.objects.filter(kind="executor").count() == 1, "nobody was killed for it"
    assert len(executors(worker)) == 1


def test_a_task_that_stays_after_its_timeout_is_killed_and_the_worker_goes_on(run_worker):
    run_worker("--processes", "1")
    result = tasks.stay_whatever_comes.enqueue()
    assert result.wait(60)
    assert (result.state, result.errors[0].exception_class.__name__) == (
        TaskState.FAILED,
        "TaskTimeout",
    )
    assert tasks.add.enqueue(1).get(timeout=60) == 1


@pytest.mark.parametrize(
    "task, deadline",
    [
        (tasks.stay_whatever_comes, 0.7),
        (compute_in_one_call, 0.7),
        (hook_that_cannot_be_stopped, 0.8),
    ],
    ids=["task", "task that holds the interpreter", "hook"],
)
def test_a_supervisor_at_rest_is_woken_for_a_deadline(task, deadline, run_worker):
    """It would look seconds later by itself."""
    worker = run_worker("--processes", "1")
    [pid] = eventually(lambda: executors(worker))
    time.sleep(2)
    began = time.monotonic()
    task.enqueue()
    eventually(lambda: pid not in worker.members)
    assert time.monotonic() - began < deadline + 1, "this machine may be busy"


def test_kills_at_the_deadline_never_hit_another_task(run_worker):
    """Forty tasks leave within milliseconds of the hard kill; others follow them in the same children."""
    innocent = []
    for number in range(40):
        tasks.stay_until_the_deadline.enqueue(0.39 + number * 0.001)
        innocent += tasks.add.enqueue_many([((n,), {}) for n in range(4)])
        innocent.append(tasks.nap.enqueue(0.01))
    run_worker("--processes", "4")
    wait_for_finished(240)
    rows = Task.objects.filter(id__in=[int(result.id) for result in innocent])
    fields = ("state", "attempt", "losses", "interruptions")
    assert set(rows.values_list(*fields)) == {("succeeded", 1, 0, 0)}
    assert Result.objects.filter(task__in=rows).count() == len(innocent)
    guilty = Result.objects.exclude(task__in=rows)
    assert guilty.count() == 40
    assert set(guilty.values_list("outcome", flat=True)) <= {"succeeded", "failed"}
