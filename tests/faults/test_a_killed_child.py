"""A child of the worker is killed: its task runs again soon, and nobody else pays."""

import logging
import os
import signal

import pytest

from taskhub import TaskState
from taskhub.engines import get_engine
from taskhub.models import Task
from tests.app import tasks
from tests.faults.record import outcomes, wait_for_finished
from tests.helpers import eventually

logger = logging.getLogger(__name__)  # the figures: --log-cli-level=INFO
pytestmark = pytest.mark.django_db(transaction=True)


def test_the_task_of_a_killed_child_starts_again_within_two_seconds(run_worker, tmp_path):
    run_worker("--processes", "2")
    result = tasks.hold.enqueue(str(tmp_path))
    begun = tmp_path / "begun-1"
    eventually(begun.exists, timeout=60)
    killed_at = get_engine().now()
    os.kill(int(begun.read_text()), signal.SIGKILL)
    eventually((tmp_path / "begun-2").exists, timeout=60)
    took = (Task.objects.get(id=int(result.id)).started_at - killed_at).total_seconds()
    logger.info("started again %.3f s after the kill", took)
    assert took < 2
    (tmp_path / "go").touch()
    assert result.get(timeout=60) == 2
    row = Task.objects.get(id=int(result.id))
    assert (row.losses, row.failures, row.attempt) == (1, 0, 2)
    assert outcomes(result.id) == ["lost", "succeeded"]


def test_a_task_that_kills_its_worker_again_and_again_fails_and_no_other_pays(run_worker, tmp_path):
    tasks.add.enqueue_many([((n,), {}) for n in range(250)])
    poison = tasks.kill_its_process.enqueue(str(tmp_path / "kills"), 100)
    tasks.add.enqueue_many([((n,), {}) for n in range(250)])
    run_worker("--processes", "2")
    wait_for_finished(501)
    poison.refresh()
    assert (poison.state, poison.errors[-1].exception_class_path) == (
        TaskState.FAILED,
        "taskhub.errors.WorkerLost",
    )
    assert outcomes(poison.id) == ["lost", "lost", "failed"]
    innocent = Task.objects.filter(state="succeeded", attempt=1, losses=0, interruptions=0)
    assert innocent.count() == 500


def test_at_most_once_fails_with_the_first_lost_worker(run_worker):
    run_worker("--processes", "1")
    result = tasks.kill_its_process_once_and_for_all.enqueue()
    assert result.wait(60)
    assert (result.state, result.attempts) == (TaskState.FAILED, 1)
    assert outcomes(result.id) == ["failed"]
