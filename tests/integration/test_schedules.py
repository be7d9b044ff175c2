"""Schedules, fired by real workers: at their time, once, and as the last edit says."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from taskhub import TaskSystem, schedules
from taskhub.models import Schedule, ScheduleRun, Task
from tests.app import tasks
from tests.app import tasks_schedules as scheduled
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)

PATIENT = {"TASKHUB_TEST_POLL_INTERVAL": "600"}  # whoever polls comes too late for these tests


def runs_of(name: str) -> int:
    return ScheduleRun.objects.filter(schedule__name=name, decision="enqueued").count()


def test_a_worker_fires_a_schedule_at_its_times_and_runs_its_tasks(run_worker):
    run_worker("--processes", "1")
    pulse = schedules.add_periodic("pulse", scheduled.tick.s(label="tock"), 1)
    eventually(lambda: runs_of("pulse") >= 3, timeout=60)
    schedules.disable("pulse")
    runs = ScheduleRun.objects.filter(schedule=pulse).order_by("due_at")
    seconds = [(run.due_at - pulse.created_at).total_seconds() for run in runs]
    assert seconds == [seconds[0] + n for n in range(len(seconds))]
    task_ids = [run.task_id for run in runs]
    eventually(
        lambda: Task.objects.filter(id__in=task_ids, state="succeeded").count() == len(runs), 60
    )
    for run in schedules.history(schedules.get("pulse")):
        assert run.wait_seconds >= 0
        assert run.run_seconds >= 0


def test_an_edit_takes_effect_at_once_and_not_at_the_next_poll(run_worker):
    schedules.add_periodic("pulse", scheduled.tick, 86_400)
    worker = run_worker("--processes", "1", env=PATIENT)
    assert tasks.add.enqueue(1).get(timeout=60) == 1
    schedules.add_periodic("pulse", scheduled.tick, 1)
    worker.wait_until(lambda: runs_of("pulse") >= 2, "fired the changed schedule", 60)
    schedules.disable("pulse")
    schedules.add_periodic("other", scheduled.tick, 1)
    worker.wait_until(lambda: runs_of("other") >= 1, "fired the new schedule", 60)
    before = runs_of("pulse")
    worker.wait_until(lambda: runs_of("other") >= 4, "went on", 60)
    assert runs_of("pulse") == before
    schedules.enable("pulse")
    worker.wait_until(lambda: runs_of("pulse") > before, "fired the enabled schedule", 60)


def test_a_schedule_that_runs_once_runs_once(run_worker):
    run_worker("--processes", "1")
    due = timezone.now().replace(microsecond=0) + timedelta(seconds=2)
    schedules.add_once("once", scheduled.tick, due)
    eventually(lambda: runs_of("once") == 1, timeout=60)
    row = schedules.get("once")
    assert (row.enabled, row.next_due_at) == (True, None)
    assert ScheduleRun.objects.get(schedule=row).due_at == due
    assert schedules.next_runs(row) == []


def test_a_worker_without_scheduler_leaves_schedules_to_others(run_worker):
    schedules.add_periodic("pulse", scheduled.tick, 1)
    run_worker("--processes", "1", "--no-scheduler")
    last = tasks.add.using(countdown=3).enqueue(1)
    assert last.get(timeout=60) == 1
    assert runs_of("pulse") == 0
    run_worker("--processes", "1")
    eventually(lambda: runs_of("pulse") >= 2, timeout=60)


def test_a_bad_row_stops_no_other(run_worker):
    schedules.add_periodic("bad", scheduled.tick, 1)
    schedules.add_periodic("good", scheduled.tick, 1)
    Schedule.objects.filter(name="bad").update(kind="cron", cron="0 0 30 2 *", every=None)
    run_worker("--processes", "1")
    eventually(lambda: runs_of("good") >= 2, timeout=60)
    eventually(lambda: not schedules.get("bad").enabled, timeout=60)
    row = schedules.get("bad")
    assert (row.enabled, row.disabled_by) == (False, "error")
    assert "never comes true" in row.disabled_reason


def test_declared_schedules_are_there_after_migrate_and_after_the_start_of_a_worker(run_worker):
    Schedule.objects.all().delete()
    call_command("migrate", verbosity=0, interactive=False)
    assert schedules.get("schedules.yearly").is_from_code
    Schedule.objects.all().delete()
    run_worker("--processes", "1")
    row = eventually(lambda: schedules.get("schedules.yearly"), timeout=60)
    assert row.enabled


# -- in one process -------------------------------------------------------------------------------------------------


@pytest.fixture
def system():
    made = TaskSystem(concurrency=1)
    yield made
    made.shutdown_graceful(5)


def test_a_system_fires_schedules_of_its_handlers(system):
    seen = []
    system.register_handler("report", seen.append)
    with system:
        system.scheduler.add_periodic("pulse", system.client.signature("report", {"x": 1}), 86_400)
        assert [one.name for one in system.scheduler.list_schedules() if not one.is_from_code] == [
            "pulse"
        ]
        system.scheduler.remove("pulse")
        system.register_handler("note", lambda: seen.append("noted"))
        system.scheduler.add_periodic("pulse", "note", 1)
        eventually(lambda: len(seen) >= 2, timeout=60)
    assert set(seen) == {"noted"}


def test_the_scheduler_of_a_system_is_switched_off_and_on():
    seen = []
    system = TaskSystem(concurrency=1, enable_scheduler=False)
    system.register_handler("note", lambda: seen.append("noted"))
    with system:
        assert (system.is_running, system.scheduler.is_running) == (True, False)
        system.scheduler.add_cron("pulse", "note", "* * * * * *")
        system.submit("note", countdown=3).get(timeout=60)
        assert len(seen) == 1, "only what was submitted"
        system.scheduler.start()
        assert system.scheduler.is_running
        eventually(lambda: len(seen) >= 3, timeout=60)
        system.scheduler.disable("pulse")
        assert not system.scheduler.list_schedules()[0].enabled
        system.scheduler.enable("pulse")
        system.scheduler.run_now("pulse").get(timeout=60)
        system.scheduler.stop()
        assert not system.scheduler.is_running
    assert not system.scheduler.is_running
