"""A worker stands still for longer than its lease (SIGSTOP, a suspended machine) and then goes on."""

from datetime import timedelta

import pytest

from taskhub.engines import get_engine
from taskhub.models import Result, Task, Worker
from tests.app import tasks
from tests.faults.record import HURRIED, LEASE, freeze, outcomes, thaw
from tests.helpers import eventually
from tests.processes import Launched

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_late_outcome_of_a_frozen_worker_is_refused_and_it_goes_on_working(
    run_worker, tmp_path
):
    first = run_worker("--processes", "1", env=HURRIED)
    result = tasks.hold.enqueue(str(tmp_path))
    eventually((tmp_path / "begun-1").exists, timeout=60)
    freeze(first)
    second = run_worker("--processes", "1", env=HURRIED)
    eventually((tmp_path / "begun-2").exists, timeout=60)
    (tmp_path / "go").touch()
    assert result.get(timeout=60) == 2
    thaw(first)
    first.wait_for_output("StaleClaim", timeout=60)
    assert outcomes(result.id) == ["lost", "succeeded"]
    assert result.return_value == 2, "what the other worker recorded stands"
    second.stop()
    assert tasks.add.enqueue(1).get(timeout=60) == 1
    assert first.is_running
    last = Result.objects.latest("id")
    assert Worker.objects.get(pk=last.worker_id).parent.pid == first.pid


@pytest.mark.only_on("sqlite", "postgresql")
def test_a_worker_that_stood_still_alone_does_not_declare_itself_dead(run_worker, tmp_path):
    worker = run_worker("--processes", "1", env=HURRIED)
    result = tasks.hold.enqueue(str(tmp_path))
    eventually((tmp_path / "begun-1").exists, timeout=60)
    silence = timedelta(seconds=1.5 * LEASE)
    for _ in range(2):
        wait_for_a_rescuer_that_may_act(worker)
        freeze(worker)
        eventually(lambda: last_sign_of(worker) < get_engine().now() - silence, timeout=60)
        thaw(worker)
    wait_for_a_rescuer_that_may_act(worker)
    (tmp_path / "go").touch()
    assert result.get(timeout=60) == 1
    assert (Task.objects.get(id=int(result.id)).losses, outcomes(result.id)) == (0, ["succeeded"])


def last_sign_of(worker: Launched):
    return Worker.objects.get(pid=worker.pid).heartbeat_at


def wait_for_a_rescuer_that_may_act(worker: Launched) -> None:
    """Wait until a worker has written its heartbeat a few times in a row."""
    for _ in range(4):
        before = last_sign_of(worker)
        eventually(lambda before=before: last_sign_of(worker) > before, timeout=60)
