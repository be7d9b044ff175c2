"""Three workers on one queue: each task is executed by one of them, once."""

import pytest

from taskhub.models import Result, Worker
from tests.app import tasks
from tests.faults.record import (
    assert_each_succeeded_once,
    signatures,
    wait_for_executors,
    wait_for_finished,
)

pytestmark = pytest.mark.django_db(transaction=True)

TASKS = 20_000


def test_three_workers_execute_twenty_thousand_tasks_once_each(run_worker, tmp_path):
    path = tmp_path / "signatures"
    path.touch()
    workers = [run_worker("--processes", "1") for _ in range(3)]
    for worker in workers:
        wait_for_executors(worker, 1)
    tasks.sign.enqueue_many([((str(path), number), {}) for number in range(TASKS)])
    wait_for_finished(TASKS, timeout=240)
    assert_each_succeeded_once(TASKS)
    assert signatures(path) == dict.fromkeys(range(TASKS), 1)
    busy = Result.objects.values_list("worker_id", flat=True).distinct()
    assert Worker.objects.filter(pk__in=busy).values("parent").distinct().count() == 3
    assert not Result.objects.exclude(attempt=1).exists()
