"""The monitor tells what the database holds, and its verbs change it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from taskhub import TaskState, monitor, queue
from taskhub.errors import IllegalTransition
from taskhub.models import Task, Worker
from tests.app import tasks
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def test_queue_stats_count_live_tasks_by_state():
    tasks.add.using(queue_name="mail").enqueue(1)
    tasks.add.using(queue_name="mail", countdown=60).enqueue(1)
    queue.pause("mail", "the relay is down")
    mail = next(stats for stats in monitor.queue_stats() if stats.name == "mail")
    assert (mail.queued, mail.pending, mail.running, mail.waiting) == (1, 1, 0, 2)
    assert (mail.is_paused, mail.pause_reason) == (True, "the relay is down")
    assert mail.oldest_queued_at is not None
    assert monitor.queue_size("mail") == 2
    assert "mail" in monitor.list_queues()


def test_workers_are_listed_with_their_health_and_what_they_run(run_worker, tmp_path):
    worker = run_worker("--processes", "1", "--name", "batch")
    path = tmp_path / "begun"
    running = tasks.nap.enqueue(1, str(path))
    eventually(path.exists, timeout=20)
    (info,) = monitor.workers()
    assert (info.worker.name, info.active, info.is_healthy) == ("batch", 1, True)
    assert [task.pk for task in monitor.active_tasks()] == [int(running.id)]
    assert running.get(timeout=20) == "slept"
    worker.stop()
    assert monitor.workers() == []
    assert len(monitor.workers(stopped_within=timedelta(hours=1))) == 1


def test_a_worker_without_a_heartbeat_for_a_lease_is_not_healthy():
    long_ago = timezone.now() - timedelta(minutes=10)
    Worker.objects.create(
        kind="worker", name="gone", host="h", pid=1, started_at=long_ago, heartbeat_at=long_ago
    )
    (info,) = monitor.workers()
    assert not info.is_healthy
    assert info.seconds_since_heartbeat > 500


def test_pending_and_failed_tasks_come_in_the_order_that_people_expect(drain):
    failing = [tasks.fail.enqueue(str(number)) for number in range(3)]
    drain("--processes", "1")
    low, high = tasks.add.enqueue(1), tasks.add.using(priority=5).enqueue(2)
    assert [str(task.pk) for task in monitor.pending_tasks()] == [high.id, low.id]
    assert [str(task.pk) for task in monitor.failed_tasks(2)] == [failing[2].id, failing[1].id]
    assert monitor.get_task(int(low.id)).args == [1]


def test_cancel_by_tag_ends_all_that_wait_and_nothing_else():
    tagged = [tasks.add.using(tags=["customer:7"]).enqueue(number) for number in range(3)]
    other = tasks.add.using(tags=["customer:8"]).enqueue(1)
    assert monitor.cancel_by_tag("customer:7") == 3
    for result in tagged:
        result.refresh()
        assert result.state == TaskState.CANCELLED
    other.refresh()
    assert other.state == TaskState.QUEUED


def test_purge_cancels_what_waits_in_one_queue_with_the_reason():
    tasks.add.using(queue_name="reports").enqueue_many([((n,), {}) for n in range(1200)])
    other = tasks.add.enqueue(1)
    assert monitor.purge("reports", "wrong month") == 1200
    assert set(Task.objects.filter(queue="reports").values_list("state", "reason")) == {
        ("cancelled", "wrong month")
    }
    other.refresh()
    assert other.state == TaskState.QUEUED


def test_retry_by_id_brings_a_cancelled_task_back():
    result = tasks.add.enqueue(1)
    monitor.cancel(int(result.id), "by mistake")
    monitor.retry(int(result.id))
    result.refresh()
    assert (result.state, result.reason) == (TaskState.QUEUED, "")
    with pytest.raises(IllegalTransition, match="expected failed, cancelled or expired"):
        monitor.retry(int(result.id))


def test_the_catalog_describes_every_task_for_sites_without_its_code(drain):
    from taskhub.models import TaskCatalog

    drain()
    entry = TaskCatalog.objects.get(name="tests.app.tasks.add")
    assert [parameter["name"] for parameter in entry.parameters] == ["a", "b"]
    assert entry.parameters[1]["default"] == "0"
    nap = TaskCatalog.objects.get(name="tests.app.tasks.nap")
    assert [parameter["name"] for parameter in nap.parameters] == ["seconds", "path"]
    assert nap.defaults == {"timeout": 60, "takes_context": True}
