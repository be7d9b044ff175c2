"""A whole worker is killed, or its supervisor alone: another one takes over what it ran."""

import logging
import signal

import pytest

from taskhub.engines import get_engine
from taskhub.models import Task, Worker
from tests.app import tasks
from tests.faults.record import HEARTBEAT, HURRIED, LEASE, outcomes, wait_for_executors
from tests.helpers import eventually

logger = logging.getLogger(__name__)  # the figures: --log-cli-level=INFO
pytestmark = pytest.mark.django_db(transaction=True)


def test_another_worker_takes_over_within_the_lease(run_worker, tmp_path):
    first = run_worker("--processes", "1", env=HURRIED)
    result = tasks.hold.enqueue(str(tmp_path))
    eventually((tmp_path / "begun-1").exists, timeout=60)
    second = run_worker("--processes", "1", env=HURRIED)
    wait_for_executors(second, 1)
    killed_at = get_engine().now()
    first.kill()
    eventually((tmp_path / "begun-2").exists, timeout=60)
    took = (Task.objects.get(id=int(result.id)).started_at - killed_at).total_seconds()
    logger.info("taken over %.3f s after the kill, with a lease of %g s", took, LEASE)
    assert took < LEASE + HEARTBEAT + 3, "this machine may be busy"
    (tmp_path / "go").touch()
    assert result.get(timeout=60) == 2
    assert outcomes(result.id) == ["lost", "succeeded"]
    eventually(lambda: alive() == {second.pid, *second.children} & alive(), timeout=60)
    assert Worker.objects.filter(pid=first.pid, is_lost=True).exists()


def test_the_children_of_a_killed_supervisor_end_and_their_tasks_run_elsewhere(
    run_worker, tmp_path
):
    first = run_worker("--processes", "2", env=HURRIED)
    result = tasks.hold.enqueue(str(tmp_path))
    eventually((tmp_path / "begun-1").exists, timeout=60)
    wait_for_executors(first, 2)
    first.send(signal.SIGKILL)
    eventually(lambda: not first.members, timeout=30)
    run_worker("--processes", "1", env=HURRIED)
    eventually((tmp_path / "begun-2").exists, timeout=60)
    (tmp_path / "go").touch()
    assert result.get(timeout=60) == 2
    assert outcomes(result.id) == ["lost", "succeeded"]


def alive() -> set[int]:
    return set(Worker.objects.filter(stopped_at__isnull=True).values_list("pid", flat=True))
