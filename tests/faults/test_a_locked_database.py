"""Somebody else holds a lock for longer than a lease: workers wait, live and lose nothing."""

import os
from datetime import timedelta

import pytest
from django.db import transaction

from taskhub.engines import get_engine
from taskhub.models import Worker
from tests.app import tasks
from tests.faults.record import (
    HURRIED,
    LEASE,
    assert_each_succeeded_once,
    finished_count,
    signatures,
    wait_for_executors,
    wait_for_finished,
)
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)

TASKS = 1000
# TASKHUB_TEST_LOCKED=60 makes a long lock of it; seconds.
LOCKED = float(os.environ.get("TASKHUB_TEST_LOCKED") or 2.5 * LEASE)


@pytest.mark.only_on("sqlite")
def test_a_long_write_of_somebody_else_stops_nobody_for_good(run_worker, tmp_path):
    path = tmp_path / "signatures"
    path.touch()
    tasks.sign.enqueue_many([((str(path), n, 0.002), {}) for n in range(TASKS)])
    workers = [run_worker("--processes", "1", env=HURRIED) for _ in range(2)]
    children = {pid for worker in workers for pid in wait_for_executors(worker, 1)}
    wait_for_finished(TASKS // 10)
    with transaction.atomic():  # IMMEDIATE: it has the write lock from here on
        assert finished_count() < TASKS
        silence = timedelta(seconds=max(5.0, 2 * LEASE))
        eventually(lambda: last_sign_of_anybody() < get_engine().now() - silence, timeout=60)
    wait_for_finished(TASKS)
    assert_each_succeeded_once(TASKS)
    assert signatures(path) == dict.fromkeys(range(TASKS), 1), "no task was taken from anybody"
    assert not Worker.objects.filter(is_lost=True).exists()
    assert children <= {pid for worker in workers for pid in worker.children}


def last_sign_of_anybody():
    return Worker.objects.latest("heartbeat_at").heartbeat_at


@pytest.mark.only_on("postgresql")
def test_a_locked_table_of_metrics_stops_neither_heartbeats_nor_outcomes(
    run_worker, second_connection
):
    worker = run_worker("--processes", "1", env=HURRIED)
    (child,) = wait_for_executors(worker, 1)
    tasks.add.enqueue(0).get(timeout=60)
    second_connection.set_autocommit(False)
    with second_connection.cursor() as cursor:
        cursor.execute("LOCK TABLE taskhub_metricbucket IN ACCESS EXCLUSIVE MODE")
    until = get_engine().now() + timedelta(seconds=LOCKED)
    ran = 1
    while get_engine().now() < until:
        tasks.add.enqueue(ran)
        ran += 1
        wait_for_finished(ran)
    rows = Worker.objects.filter(stopped_at__isnull=True)
    assert rows.count() == 2
    eventually(lambda: not rows.filter(heartbeat_at__lt=until).exists(), timeout=60)
    second_connection.rollback()
    second_connection.set_autocommit(True)
    assert_each_succeeded_once(ran)
    assert not Worker.objects.filter(is_lost=True).exists()
    assert wait_for_executors(worker, 1) == [child]
