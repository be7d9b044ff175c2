"""A real worker keeps house: nobody has to call anything for old tasks to go and metrics to be added up."""

import pytest

from taskhub import monitor
from taskhub.engines import get_engine
from taskhub.metrics import Recorder
from taskhub.models import MetricBucket, OldestWait, Outcome, Task, Worker
from taskhub.states import TaskState
from tests.app import tasks
from tests.engines.builders import ago, claim_of, ending, make_task, make_worker, new_task
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)

DAY = 86_400
LOCK = {
    "postgresql": ("BEGIN", "LOCK TABLE taskhub_metricbucket IN ACCESS EXCLUSIVE MODE", "ROLLBACK"),
    "mysql": ("DO 0", "LOCK TABLES taskhub_metricbucket WRITE", "UNLOCK TABLES"),
}


def count_an_attempt() -> None:
    """Write what a process counted some minutes ago."""
    recorder, claim = Recorder(), claim_of(new_task(TaskState.QUEUED, pk=1))
    recorder.count(claim, ending(claim, Outcome.SUCCEEDED, finished_at=ago(400)))
    assert recorder.flush(get_engine(), 7)


def test_a_worker_prunes_rolls_up_and_forgets_stopped_workers(run_worker):
    gone = [make_task(TaskState.SUCCEEDED, finished_at=ago(8 * DAY)).pk for _ in range(1200)]
    kept = make_task(TaskState.SUCCEEDED).pk
    make_worker("old", stopped_at=ago(8 * DAY))
    count_an_attempt()
    worker = run_worker("--processes", "1")
    eventually(lambda: not Task.objects.filter(pk__in=gone).exists(), timeout=30)
    eventually(lambda: not MetricBucket.objects.filter(writer__gt=0).exists(), timeout=30)
    eventually(lambda: not Worker.objects.filter(name="old").exists(), timeout=30)
    assert Task.objects.filter(pk=kept).exists()
    assert MetricBucket.objects.count() == 3
    worker.stop()


def test_a_worker_sees_how_long_the_oldest_task_waits(run_worker):
    make_task(queue="default", enqueued_at=ago(300))
    monitor.pause("default")
    worker = run_worker("--processes", "1")
    seen = OldestWait.objects.filter(queue="default", seconds__range=(300, 400))
    eventually(seen.exists, timeout=30)
    worker.stop()


@pytest.mark.only_on("postgresql", "mysql")
def test_a_table_that_somebody_has_locked_holds_up_nothing_else(run_worker, second_connection):
    count_an_attempt()
    *lock, unlock = LOCK[second_connection.vendor]
    with second_connection.cursor() as other:
        for statement in lock:
            other.execute(statement)
        worker = run_worker("--processes", "1")
        worker.wait_for_output("A chore of the worker failed and will be tried again")
        assert tasks.add.using(countdown=0.1).enqueue(1).get(timeout=20) == 1
        other.execute(unlock)
    worker.stop()
