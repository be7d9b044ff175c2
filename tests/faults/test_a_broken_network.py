"""The way between a worker and its database breaks."""

import pytest

from taskhub.models import Result, Worker
from tests.app import tasks
from tests.faults.record import HURRIED, outcomes, wait_for_executors
from tests.helpers import eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("postgresql")]


def test_a_worker_that_is_cut_off_is_replaced_and_comes_back(detour, run_worker, tmp_path):
    first = run_worker("--processes", "1", env={**HURRIED, **detour.env})
    result = tasks.hold.enqueue(str(tmp_path))
    eventually((tmp_path / "begun-1").exists, timeout=60)
    second = run_worker("--processes", "1", env=HURRIED)
    wait_for_executors(second, 1)
    detour.cut()
    eventually((tmp_path / "begun-2").exists, timeout=60)
    (tmp_path / "go").touch()
    assert result.get(timeout=60) == 2
    detour.restore()
    first.wait_for_output("StaleClaim", timeout=60)
    assert outcomes(result.id) == ["lost", "succeeded"]
    second.stop()
    assert tasks.add.enqueue(1).get(timeout=60) == 1
    last = Result.objects.latest("id")
    assert Worker.objects.get(pk=last.worker_id).parent.pid == first.pid


def test_a_worker_that_starts_before_its_database_waits_for_it(detour, run_worker):
    detour.cut()
    worker = run_worker("--processes", "1", env={**HURRIED, **detour.env})
    worker.wait_for_output("trouble", timeout=60)
    detour.restore()
    assert tasks.add.enqueue(1).get(timeout=60) == 1
    worker.stop()
