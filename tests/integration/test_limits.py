"""Limits, kept by real workers."""

import os
import signal
from datetime import timedelta

import pytest

from taskhub import get_result
from taskhub.models import Slot, Task
from taskhub.states import TaskState
from tests.app import tasks_limits as limits
from tests.app.models import Ledger
from tests.faults.record import HURRIED, executors, wait_for_executors
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_workers_never_run_more_of_a_key_than_its_limit(run_worker):
    results = limits.share.enqueue_many([((number,), {}) for number in range(40)])
    for _ in range(2):
        run_worker("--processes", "3")
    assert all(result.wait(60) for result in results)
    running = most = 0
    for note in Ledger.objects.order_by("id").values_list("note", flat=True):
        running += 1 if note == "begin" else -1
        most = max(most, running)
    assert most <= 3
    assert running == 0
    assert not Slot.objects.filter(used__gt=0).exists()  # it may have been pruned


def test_a_limit_given_with_its_key_at_the_enqueue_runs_and_is_read_where_the_code_has_neither(
    drain,
):
    limited = limits.remind.using(concurrency_key="few", concurrency_limit=3, timeout=7)
    result = limited.enqueue(1)
    drain()
    found = get_result(result.id)
    assert (found.get(0), found.task.timeout) == (1, 7)


def test_starts_come_at_their_rate_and_not_at_the_poll_interval(run_worker):
    """Ten at once and ten a second after: of 30, the last starts after some two seconds."""
    results = limits.call.enqueue_many([((number,), {}) for number in range(30)])
    run_worker("--processes", "2")
    assert all(result.wait(60) for result in results)
    first, *_, last = sorted(Task.objects.values_list("started_at", flat=True))
    enqueued = Task.objects.earliest("enqueued_at").enqueued_at
    assert (last - enqueued).total_seconds() > 1.9
    assert (last - first).total_seconds() < 20, "this machine may be busy"


def test_the_slot_of_a_killed_child_comes_back(run_worker, tmp_path):
    held = limits.hold_alone.enqueue(str(tmp_path))
    worker = run_worker("--processes", "1", env=HURRIED)
    eventually((tmp_path / "begun").exists, timeout=60)
    waiting = limits.hold_alone.enqueue(None)
    assert waiting.state == TaskState.PENDING
    [pid] = wait_for_executors(worker, 1)
    os.kill(pid, signal.SIGKILL)
    assert waiting.wait(60)
    assert get_result(held.id).state == TaskState.FAILED
    assert executors(worker) != [pid]
    assert not Slot.objects.filter(used__gt=0).exists()  # it may have been pruned


def test_queues_get_their_weights_within_a_tenth_over_a_second(run_worker):
    for queue in ("heavy", "light"):
        limits.rest.using(queue_name=queue).enqueue_many([((0.004,), {})] * 1500)
    worker = run_worker("--processes", "2", "--queue", "heavy:3", "--queue", "light:1")
    started = Task.objects.filter(started_at__isnull=False).order_by("started_at")
    eventually(lambda: started.count() > 1000, timeout=60)
    worker.stop()
    rows = list(started.values_list("started_at", "queue"))[100:]  # after the start
    second = [queue for at, queue in rows if at - rows[0][0] < timedelta(seconds=1)]
    assert len(second) > 100
    assert second.count("heavy") / len(second) == pytest.approx(0.75, rel=0.1)
