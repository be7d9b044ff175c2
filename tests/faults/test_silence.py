"""Processes that hear nothing any more: from the network, from the database, from their supervisor."""

import os
import signal
from pathlib import Path

import pytest

from taskhub.engines import get_engine
from taskhub.models import Worker
from tests.app import tasks
from tests.faults.record import (
    HURRIED,
    LEASE,
    assert_each_succeeded_once,
    wait_for_executors,
    wait_for_finished,
)
from tests.helpers import eventually
from tests.processes import Launched

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("postgresql")]


def test_processes_whose_connections_fell_silent_are_replaced(detour, run_worker, tmp_path):
    """The network swallows what is sent on the connections that exist; new ones work."""
    (tmp_path / "signatures").touch()
    worker = run_worker("--processes", "2", env={**HURRIED, **detour.env})
    wait_for_executors(worker, 2)
    tasks.hold.enqueue(str(tmp_path))
    eventually((tmp_path / "begun-1").exists, timeout=60)
    assert detour.swallow() >= 3, "two executors and the maintenance child are connected"
    (tmp_path / "go").touch()
    tasks.sign.enqueue_many([((str(tmp_path / "signatures"), n), {}) for n in range(100)])
    wait_for_finished(101)
    assert_each_succeeded_once(101)
    now = get_engine().now()
    rows = Worker.objects.filter(stopped_at__isnull=True, heartbeat_at__gt=now)
    eventually(lambda: rows.count() == 3, timeout=60)


def test_an_idle_worker_that_polls_less_often_than_its_lease_counts_as_alive(run_worker):
    worker = run_worker("--processes", "1", env={**HURRIED, "TASKHUB_TEST_POLL_INTERVAL": "600"})
    wait_for_executors(worker, 1)
    started = Worker.objects.get(kind="executor").started_at
    rows = Worker.objects.filter(pid=worker.pid)
    eventually(lambda: (rows.get().heartbeat_at - started).total_seconds() > 3 * LEASE, timeout=60)
    assert not Worker.objects.filter(is_lost=True).exists()


def test_children_without_a_database_end_with_their_supervisor(detour, run_worker):
    detour.cut()
    worker = run_worker("--processes", "2", env={**HURRIED, **detour.env})
    worker.wait_for_output("trouble", timeout=60)
    assert_nothing_outlives_the_supervisor(worker)


def test_executors_without_maintenance_end_with_their_supervisor(detour, run_worker):
    detour.cut()
    worker = run_worker("--processes", "2", env={**HURRIED, **detour.env})
    worker.wait_for_output("trouble", timeout=60)
    first = min(worker.children)  # the maintenance child is forked first
    worker.send(signal.SIGKILL)
    os.kill(first, signal.SIGKILL)
    assert_nothing_outlives_the_supervisor(worker)


def test_a_child_that_is_forked_as_its_supervisor_dies_ends_too(run_worker):
    for _ in range(6):  # one in three hits the moment
        worker = run_worker("--processes", "1")
        (child,) = wait_for_executors(worker, 1)
        known = set(worker.children)
        os.kill(child, signal.SIGKILL)
        wait_for_a_fork(worker, known)
        assert_nothing_outlives_the_supervisor(worker)


def wait_for_a_fork(worker: Launched, known: set[int]) -> None:
    """Return within microseconds of the moment at which the supervisor has a child that is not known."""
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children")
    eventually(lambda: set(map(int, children.read_text().split())) - known, interval=0)


def assert_nothing_outlives_the_supervisor(worker: Launched) -> None:
    worker.send(signal.SIGKILL)
    eventually(lambda: not worker.members, timeout=20)
