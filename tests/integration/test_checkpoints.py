"""Checkpoints through real workers: what was saved is there for whoever runs the task next."""

import pytest

from taskhub import TaskState
from taskhub.models import Checkpoint, Result, Task
from tests.app import tasks_context as tasks
from tests.faults.record import HURRIED, freeze, thaw
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_checkpoint_survives_retries(run_worker):
    run_worker("--processes", "1")
    assert tasks.go_on_after_failures.enqueue(3).get(timeout=20) == [3, 4]
    assert list(Result.objects.order_by("id").values_list("outcome", flat=True)) == [
        *["retrying"] * 3,
        "succeeded",
    ]


@pytest.mark.parametrize("definition", [tasks.go_on_after_kills, tasks.go_on_after_kills_async])
def test_a_checkpoint_survives_a_kill_right_after_it_was_saved(run_worker, definition):
    run_worker("--processes", "1")
    result = definition.enqueue(2)
    assert result.get(timeout=30)[0] == 2
    assert Task.objects.get(id=int(result.id)).losses == 2


def test_a_checkpoint_survives_a_persons_retry(drain):
    result = tasks.fail_until_a_person_retries.enqueue()
    drain("--processes", "1")
    result.refresh()
    assert result.state == TaskState.FAILED
    result.retry()
    drain("--processes", "1")
    assert result.get(timeout=0) == {"row": 7}


def test_a_worker_that_wakes_up_after_its_lease_overwrites_nothing_and_leaves_the_task(
    run_worker, tmp_path
):
    path = tmp_path / "go"
    frozen = run_worker("--processes", "1", env=HURRIED)
    result = tasks.save_until.enqueue(str(path))
    eventually(Checkpoint.objects.exists, timeout=20)
    freeze(frozen)
    run_worker("--processes", "1", env=HURRIED)
    eventually(lambda: Checkpoint.objects.get().attempt == 2, timeout=60)
    thaw(frozen)
    frozen.wait_for_output("StaleClaim")
    assert Checkpoint.objects.get().attempt == 2
    path.touch()
    assert result.get(timeout=20) == 2
    row = Checkpoint.objects.get()
    assert (row.attempt, row.value[0]) == (2, 2)
    assert list(Result.objects.order_by("claim_no").values_list("outcome", flat=True)) == [
        "lost",
        "succeeded",
    ]
