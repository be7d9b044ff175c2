"""PostgreSQL restarts, ends sessions and refuses writes while workers run: they wait, reconnect and go on."""

import signal
from datetime import timedelta

import pytest

from taskhub.engines import get_engine
from taskhub.models import Worker
from tests.app import tasks
from tests.faults.record import (
    HURRIED,
    assert_each_succeeded_once,
    finished_count,
    patiently,
    signatures,
    wait_for_executors,
    wait_for_finished,
)
from tests.helpers import eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("postgresql")]

TASKS = 1500


@pytest.fixture
def running(own_server, run_worker, tmp_path):
    """A worker on a server of the test's own, in the middle of many short tasks."""
    (tmp_path / "signatures").touch()
    args = [((str(tmp_path / "signatures"), n, 0.002), {}) for n in range(TASKS)]
    tasks.sign.enqueue_many(args)
    worker = run_worker("--processes", "2", env={**HURRIED, **own_server.env})
    wait_for_finished(TASKS // 10)
    yield worker
    assert worker.is_running, worker.output


@pytest.fixture
def nothing_is_lost(running, tmp_path):
    """At the end all have run, each with one success on record, in processes that nobody replaced."""
    children = set(wait_for_executors(running, 2))
    yield
    wait_for_finished(TASKS)
    assert_each_succeeded_once(TASKS)
    assert set(signatures(tmp_path / "signatures")) == set(range(TASKS))
    assert children <= set(running.children), "each child has outlived it"


@pytest.mark.parametrize(
    "stop_signal", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate, as a crash"]
)
def test_a_restart_of_the_server_loses_nothing(own_server, nothing_is_lost, stop_signal):
    assert finished_count() < TASKS
    own_server.restart(stop_signal)


def test_sessions_that_are_cut_again_and_again_lose_nothing(own_server, nothing_is_lost):
    for part in range(2, 9):
        wait_for_finished(TASKS * part // 10)
        own_server.cut_sessions()


def test_a_failover_that_refuses_writes_loses_nothing(own_server, running, nothing_is_lost):
    own_server.refuse_writes()
    own_server.cut_sessions()
    ten_seconds = timedelta(seconds=10)

    def has_been_silent() -> bool:
        sign = Worker.objects.get(pid=running.pid).heartbeat_at
        return sign < get_engine().now() - ten_seconds

    eventually(lambda: patiently(has_been_silent), timeout=60, interval=0.2)
    own_server.accept_writes()
