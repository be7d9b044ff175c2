"""A task takes the whole worker down with it, each time: it fails in the end, and what waited beside it does not."""

import pytest

from taskhub import TaskState
from taskhub.models import Task
from tests.app import tasks
from tests.faults.record import HURRIED, finished_count, outcomes
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_task_that_kills_its_whole_worker_fails_alone(run_worker):
    tasks.add.enqueue_many([((n,), {}) for n in range(250)])
    poison = tasks.kill_its_whole_worker.enqueue()
    tasks.add.enqueue_many([((n,), {}) for n in range(250)])
    while finished_count() < 501:
        worker = run_worker("--processes", "1", env=HURRIED)
        eventually(lambda worker=worker: not worker.is_running or finished_count() == 501, 60)
    poison.refresh()
    assert (poison.state, outcomes(poison.id)) == (TaskState.FAILED, ["lost", "lost", "failed"])
    assert Task.objects.filter(state="succeeded").count() == 500
