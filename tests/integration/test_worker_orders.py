"""What an operator tells a worker reaches the real process."""

import pytest
from django.db import transaction
from django.utils import timezone

from taskhub import TaskState, monitor
from taskhub.errors import WorkerStopped
from taskhub.models import Queue, Task, Worker
from tests.app import tasks
from tests.helpers import eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.every_engine]


def the_worker() -> Worker:
    return eventually(lambda: Worker.objects.filter(kind="worker", children__isnull=False).first())


def state_of(result) -> str:
    return Task.objects.values_list("state", flat=True).get(pk=result.id)


def test_a_quiet_worker_ends_what_it_runs_claims_nothing_more_and_wakes_up_again(
    run_worker, tmp_path
):
    run_worker("--processes", "1")
    worker = the_worker()
    path = tmp_path / "begun"
    running = tasks.nap.enqueue(1, str(path))
    eventually(path.exists, timeout=20)
    monitor.quiet_worker(worker.pk)
    (info,) = monitor.workers()
    assert info.is_healthy
    assert not info.is_claiming
    assert running.get(timeout=20) == "slept"
    waiting = tasks.add.enqueue(1, 2)
    later = tasks.nap.using(countdown=1).enqueue(0)  # maintenance goes on: it becomes due
    eventually(lambda: state_of(later) == TaskState.QUEUED, timeout=20)
    assert state_of(waiting) == TaskState.QUEUED
    assert [one.name for one in monitor.tasks_without_worker()] == [
        "tests.app.tasks.add",
        "tests.app.tasks.nap",
    ]
    monitor.wake_worker(worker.pk)
    assert waiting.get(timeout=20) == 3


def test_a_worker_that_is_told_to_stop_drains_and_leaves_in_good_order(run_worker, tmp_path):
    launched = run_worker("--processes", "1")
    worker = the_worker()
    path = tmp_path / "begun"
    running = tasks.nap.enqueue(1, str(path))
    eventually(path.exists, timeout=20)
    waiting = tasks.add.enqueue(1, 2)
    monitor.stop_worker(worker.pk)
    assert launched.wait(30) == 0
    assert running.get(timeout=5) == "slept"
    assert state_of(waiting) == TaskState.QUEUED
    worker.refresh_from_db()
    assert worker.stopped_at is not None
    assert not worker.is_lost
    with pytest.raises(WorkerStopped, match="has stopped"):
        monitor.quiet_worker(worker.pk)


def test_a_worker_resumes_a_queue_when_its_pause_is_over(run_worker):
    monitor.pause("default", "for a moment", until=timezone.now())
    result = tasks.add.enqueue(1, 2)
    run_worker("--processes", "1", env={"TASKHUB_TEST_POLL_INTERVAL": "0.2"})
    assert result.get(timeout=30) == 3
    assert not Queue.objects.get(name="default").is_paused


@pytest.mark.only_on("postgresql")
def test_a_queue_that_somebody_has_locked_keeps_no_other_chore_waiting(run_worker):
    monitor.pause("locked", until=timezone.now())
    result = tasks.add.using(countdown=4).enqueue(1, 2)
    with transaction.atomic():
        assert Queue.objects.select_for_update().get(name="locked").is_paused
        run_worker("--processes", "1")
        done = eventually(Task.objects.filter(pk=result.id, state="succeeded").first, timeout=30)
        late = done.started_at - done.run_after
        assert late.total_seconds() < 6, "once the lock's own patience, not again and again"
