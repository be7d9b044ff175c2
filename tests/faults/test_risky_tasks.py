"""Tasks with a loss on their record run alone in their child, and the others do not have to wait for that."""

import pytest
from django.db import transaction

from taskhub.models import Result, Task, Worker
from tests.app import tasks, tasks_faults, tasks_pools
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)

POOLS = [("--threads", 3), ("--async", 3)]


def enqueue_risky(task, *args, count=1):
    """Enqueue tasks that a worker has died with, each already once."""
    with transaction.atomic():
        results = task.enqueue_many([(args, {})] * count)
        Task.objects.filter(id__in=[int(result.id) for result in results]).update(losses=1)
    return results


@pytest.fixture
def busy(request, run_worker, tmp_path):
    """A pool in which one task runs until `busy.touch()`."""
    run_worker(*request.param)
    begun, go_on = tmp_path / "begun", tmp_path / "go on"
    running = tasks_pools.wait_for.enqueue(str(begun), str(go_on))
    eventually(begun.exists, timeout=30)
    yield go_on
    go_on.touch()
    assert running.get(timeout=30) == 1, "it was never interrupted"


@pytest.mark.parametrize("busy", POOLS, ids=["threads", "coroutines"], indirect=True)
def test_a_pool_with_a_risky_task_waiting_goes_on_with_others(busy):
    (risky,) = enqueue_risky(tasks_faults.count_running)
    others = [tasks.add.enqueue(number) for number in range(40)]
    assert [result.get(timeout=20) for result in others] == list(range(40))
    risky.refresh()
    assert risky.state == "queued", "it would not be alone"
    busy.touch()
    assert risky.get(timeout=20) == 1, "it was alone"


@pytest.mark.parametrize("busy", POOLS, ids=["threads", "coroutines"], indirect=True)
def test_a_risky_task_gets_its_turn_in_a_pool_that_is_never_without_work(busy):
    risky = enqueue_risky(tasks_faults.count_running, count=3)
    for result in tasks_faults.chain_itself.enqueue_many([((0.3, 300), {})] * 3):
        assert result.id
    busy.touch()
    assert [result.get(timeout=40) for result in risky] == [1, 1, 1]
    Task.objects.filter(state="queued").delete()


def test_a_risky_task_is_left_to_a_process_where_there_is_one(run_worker, tmp_path):
    run_worker("--processes", 1, "--threads", 2)
    begun, go_on = tmp_path / "begun", tmp_path / "go on"
    eventually(lambda: Worker.objects.filter(kind="threads").exists(), timeout=30)
    (risky,) = enqueue_risky(tasks_pools.wait_for, str(begun), str(go_on))
    eventually(begun.exists, timeout=20)
    others = tasks.add.enqueue_many([((1,), {})] * 40)
    assert all(result.wait(20) for result in others)
    go_on.touch()
    assert risky.get(timeout=20) == 1
    child = Worker.objects.get(id=Result.objects.get(task_id=int(risky.id)).worker_id)
    assert child.kind == "executor"


@pytest.mark.parametrize(
    "options", [("--processes", 2), *POOLS], ids=["processes", "threads", "coroutines"]
)
def test_many_risky_tasks_end_among_others_and_cost_nobody_an_attempt(options, run_worker):
    run_worker(*options)
    plain = tasks.add.enqueue_many([((number,), {}) for number in range(200)])
    enqueue_risky(tasks.add, 1, count=50)
    plain += tasks.add.enqueue_many([((number,), {}) for number in range(200)])
    eventually(lambda: Task.objects.filter(state="succeeded").count() == 450, timeout=60)
    assert set(Task.objects.values_list("attempt", flat=True)) == {1}
