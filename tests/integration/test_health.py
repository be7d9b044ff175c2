"""`taskhub_health` ends with 0 where tasks are being run, and says what is wrong where they are not."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import OperationalError

from taskhub import health, schedules
from taskhub.models import Schedule
from taskhub.states import TaskState
from tests.app import tasks
from tests.engines.builders import ADD, ago, make_task, make_worker
from tests.helpers import eventually

pytestmark = pytest.mark.django_db


def ask(*args: str) -> tuple[int, str]:
    """Run the command; return its exit code and what it printed."""
    out = StringIO()
    try:
        call_command("taskhub_health", *args, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def failed() -> dict[str, str]:
    return {check.name: check.message for check in health.checks() if not check.is_ok}


@pytest.fixture
def alive(db):
    return make_worker("w1", kind="worker", tasks=[ADD])


def test_all_is_well_where_a_worker_lives_and_takes_what_waits(alive):
    make_task()
    code, said = ask()
    assert code == 0
    assert [line.split(":")[0] for line in said.splitlines()] == [
        "ok     database",
        "ok     migrations",
        "ok     workers",
        "ok     maintenance",
        "ok     schedules",
        "ok     wait",
        "ok     capability",
    ]


def test_it_says_so_in_json_too(alive):
    code, said = ask("--json")
    told = json.loads(said)
    assert (code, told["is_healthy"], len(told["checks"])) == (0, True, 7)
    alive.delete()
    code, said = ask("--json")
    told = json.loads(said)
    assert (code, told["is_healthy"]) == (1, False)
    assert {
        "name": "workers",
        "is_ok": False,
        "message": "none is alive: start manage.py runworker",
    } in told["checks"]


def test_a_schedule_that_nobody_fires_is_told(alive):
    pulse = schedules.add_periodic("pulse", tasks.add.s(1), 60)
    Schedule.objects.filter(pk=pulse.pk).update(next_due_at=ago(50))
    assert failed() == {}
    Schedule.objects.filter(pk=pulse.pk).update(next_due_at=ago(600))
    assert "no worker fires them: pulse by 60" in failed()["schedules"]


def test_a_task_that_waits_too_long_is_told(alive, settings):
    make_task(enqueued_at=ago(290))
    assert failed() == {}
    settings.TASKHUB = {"HEALTH_MAX_WAIT": 200}
    assert "expected 200 at most (TASKHUB['HEALTH_MAX_WAIT'])" in failed()["wait"]
    assert ask()[0] == 1


def test_a_task_that_nobody_can_run_is_told_once_a_worker_had_the_time_to_start(alive):
    make_task(name="strange", enqueued_at=ago(5))
    assert failed() == {}
    for number in range(7):
        make_task(name=f"strange{number}", enqueued_at=ago(40))
    assert set(failed()) == {"capability"}
    assert "no living worker can run strange0 in default, strange1 in default, " in str(failed())
    assert failed()["capability"].endswith(" and 2 more")


def test_a_maintenance_that_does_not_queue_what_is_due_is_told(alive):
    make_task(TaskState.PENDING, run_after=ago(50))
    assert failed() == {}
    make_task(TaskState.PENDING, run_after=ago(70))
    assert "is overdue by 70 s" in failed()["maintenance"]


def test_a_maintenance_that_does_not_rescue_is_told(alive):
    make_worker("w2/1", heartbeat_at=ago(61))
    assert failed()["maintenance"].startswith("1 processes are silent for more than 60 s")


def test_a_migration_that_was_not_applied_is_told_and_no_table_is_read(
    alive, django_assert_max_num_queries
):
    MigrationRecorder(connection).record_unapplied("taskhub", "0002_engines")
    with django_assert_max_num_queries(3):
        checks = health.checks()
    assert [check.name for check in checks] == ["database", "migrations"]
    assert checks[1].message == "1 not applied: run manage.py migrate --database default"


def test_a_database_that_does_not_answer_is_told_in_its_own_words(alive):
    def refuse(*args):
        raise OperationalError("connection refused")

    with connection.execute_wrapper(refuse):
        code, said = ask()
    assert (code, said) == (1, "FAILED database: connection refused\n")


def test_it_asks_little(alive, django_assert_max_num_queries):
    make_task()
    with django_assert_max_num_queries(15):
        health.checks()


@pytest.mark.django_db(transaction=True)
def test_a_real_worker_is_healthy_and_its_end_is_noticed(processes, run_worker):
    worker = run_worker("--processes", "1")
    tasks.add.enqueue(1)
    eventually(lambda: failed() == {}, timeout=20)
    assert processes.manage("taskhub_health").wait() == 0
    worker.stop()
    assert processes.manage("taskhub_health", "--json").wait() == 1
