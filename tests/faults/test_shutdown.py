"""SIGTERM: what runs may end, what waits goes back, and nobody pays for it."""

import signal

import pytest

from taskhub.models import Result, Task, Worker
from tests.app import tasks
from tests.faults.record import outcomes, wait_for_executors
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def test_sigterm_lets_the_running_task_end_and_gives_back_the_rest(run_worker, tmp_path):
    """How far a child has claimed ahead depends on how short its tasks were: stop one that had."""
    rounds = (tmp_path / str(number) for number in range(5))
    assert any(had_claimed_ahead_when_stopped(run_worker, path) for path in rounds)


def had_claimed_ahead_when_stopped(run_worker, path) -> bool:
    """Stop a worker in the middle of a task that others wait behind; return whether it held some of them."""
    path.mkdir()
    tasks.add.enqueue_many([((n,), {}) for n in range(300)])
    running = tasks.hold.enqueue(str(path))
    behind = tasks.add.enqueue_many([((n,), {}) for n in range(20)])
    worker = run_worker("--processes", "1")
    eventually((path / "begun-1").exists, timeout=60)
    worker.send(signal.SIGTERM)
    rows = Task.objects.filter(id__in=[int(result.id) for result in behind])
    eventually(lambda: set(rows.values_list("state", flat=True)) == {"queued"}, timeout=60)
    (path / "go").touch()
    assert worker.wait(60) == 0
    assert outcomes(running.id) == ["succeeded"]
    assert set(rows.values_list("state", "attempt", "losses", "failures")) == {("queued", 0, 0, 0)}
    assert not Result.objects.filter(task__in=rows).exists()
    assert not Worker.objects.filter(stopped_at__isnull=True).exists()
    return rows.filter(claim_no__gt=0).exists()


def test_a_task_that_outlasts_the_shutdown_goes_back_without_spending_an_attempt(
    run_worker, tmp_path
):
    worker = run_worker("--processes", "1", "--shutdown-timeout", "0.3")
    result = tasks.hold.enqueue(str(tmp_path))
    eventually((tmp_path / "begun-1").exists, timeout=60)
    worker.stop()
    assert_released(result)


def test_a_second_sigterm_releases_the_running_task_at_once(run_worker, tmp_path):
    worker = run_worker("--processes", "1", "--shutdown-timeout", "1000")
    result = tasks.hold.enqueue(str(tmp_path))
    eventually((tmp_path / "begun-1").exists, timeout=60)

    def has_ended_by_sigterm() -> bool:
        worker.send(signal.SIGTERM)  # one that comes before the last was looked at does not count
        return not worker.is_running

    eventually(has_ended_by_sigterm, timeout=60, interval=0.5)
    assert_released(result)


def assert_released(result) -> None:
    row = Task.objects.get(id=int(result.id))
    assert (row.state, row.attempt, row.losses, row.failures) == ("queued", 0, 0, 0)
    assert outcomes(result.id) == ["released"]
    assert not Worker.objects.filter(stopped_at__isnull=True).exists()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_that_arrives_in_a_child_right_after_its_fork_stops_nobody(name, run_worker):
    worker = run_worker("--processes", "2", env={"TASKHUB_TEST_SIGNAL_AFTER_FORK": name})
    assert tasks.add.enqueue(1).get(timeout=30) == 1
    assert len(wait_for_executors(worker, 2)) == 2
    assert worker.is_running
    worker.stop()
