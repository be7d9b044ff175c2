"""Five workers, a schedule of each second, and two of them are killed: each second has one run."""

import os

import pytest

from taskhub import schedules
from taskhub.models import ScheduleRun, Task
from tests.app import tasks_schedules as scheduled
from tests.faults.record import HURRIED, wait_for_executors
from tests.helpers import eventually
from tests.settings import ENGINE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("sqlite", "postgresql")]

SECONDS = int(os.environ.get("TASKHUB_TEST_SECONDS") or (60 if ENGINE == "postgresql" else 12))


def test_each_second_has_one_run_whoever_dies(run_worker):
    fleet = [run_worker("--processes", "1", env=HURRIED) for _ in range(5)]
    for worker in fleet:
        wait_for_executors(worker, 1)
    pulse = schedules.add_periodic(
        "pulse", scheduled.tick, 1, misfire="catch_up", catch_up_limit=1000
    )
    for number, worker in enumerate(fleet[:2], start=1):
        wait_for_run(SECONDS * number // 3)
        worker.kill()
    wait_for_run(SECONDS)
    schedules.disable("pulse")
    runs = ScheduleRun.objects.filter(schedule=pulse).order_by("due_at")
    times = [(run.due_at - pulse.created_at).total_seconds() for run in runs]
    assert times == [times[0] + number for number in range(len(times))]
    assert len(times) >= SECONDS
    assert {run.decision for run in runs} == {"enqueued"}
    assert len({run.task_id for run in runs}) == len(times) == Task.objects.count()
    eventually(lambda: Task.objects.filter(state="succeeded").count() == len(times), timeout=60)


def wait_for_run(count: int) -> None:
    eventually(lambda: ScheduleRun.objects.count() >= count, timeout=SECONDS + 60, interval=0.2)
