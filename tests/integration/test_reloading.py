"""Reloading: a worker goes on with new code under its pid, and keeps the old where the new does not start."""

import os
import signal

import pytest
from django.utils import timezone

from taskhub import get_result
from taskhub.models import Task, Worker
from tests.helpers import eventually
from tests.settings import ROOT

# Nothing here depends on the database.
pytestmark = [pytest.mark.only_on("sqlite"), pytest.mark.django_db(transaction=True)]

MODULE = """
import os, sys, time
from pathlib import Path
from taskhub import task

{top}

@task(name="shop.version")
def version():
    return ["{version}", os.getppid()]

@task(name="shop.hold", timeout=60)
def hold(path):
    Path(path + ".begun").touch()
    while not os.path.exists(path):
        time.sleep(0.02)
    return "{version}"
"""
SLOW_TRIAL = """
if "--trial" in sys.argv:
    Path({path!r}).touch()
    time.sleep(60)
"""


class Shop:
    """A site with an app of its own, on the test's database."""

    def __init__(self, folder, processes):
        self.folder, self.processes = folder, processes
        (folder / "shop").mkdir()
        (folder / "shop" / "__init__.py").touch()
        (folder / "shop_settings.py").write_text(
            "from tests.settings import *\n"
            "from tests.settings import INSTALLED_APPS\n"
            "INSTALLED_APPS = [*INSTALLED_APPS, 'shop']\n"
            "LOGGING = {'version': 1, 'disable_existing_loggers': False,\n"
            "    'handlers': {'console': {'class': 'logging.StreamHandler'}},\n"
            "    'loggers': {'taskhub': {'handlers': ['console'], 'level': 'INFO'}}}\n"
        )
        self.write("old")

    def write(self, version, top=""):
        (self.folder / "shop" / "tasks.py").write_text(MODULE.format(version=version, top=top))

    def start(self, *args):
        return self.processes.manage(
            "runworker",
            *args,
            env={
                "DJANGO_SETTINGS_MODULE": "shop_settings",
                "PYTHONPATH": f"{self.folder}:{ROOT}",
                "PYTHONDONTWRITEBYTECODE": "1",
                "TASKHUB_TEST_POLL_INTERVAL": "0.2",
            },
        )

    def enqueue(self, name, *args):
        """Write the row: this process does not have the code."""
        row = Task.objects.create(
            name=f"shop.{name}", queue="default", state="queued", args=list(args),
            enqueued_at=timezone.now(),
        )  # fmt: skip
        return get_result(str(row.id))

    def version(self):
        return self.enqueue("version").get(timeout=30)

    def hold(self, path):
        """Start a task that runs until there is a file `path`."""
        result = self.enqueue("hold", str(path))
        eventually(path.with_name(f"{path.name}.begun").exists, timeout=30)
        return result


@pytest.fixture
def shop(processes, tmp_path):
    return Shop(tmp_path, processes)


def pids():
    """The children that are alive."""
    rows = Worker.objects.filter(parent__isnull=False, stopped_at__isnull=True)
    return set(rows.values_list("pid", flat=True))


def test_sighup_goes_on_with_new_code_under_the_same_pid_when_running_tasks_have_ended(
    shop, tmp_path
):
    worker = shop.start("--processes", "2")
    assert shop.version() == ["old", worker.pid]
    before, path = pids(), tmp_path / "go"
    held = shop.hold(path)
    shop.write("newer")
    worker.send(signal.SIGHUP)
    worker.wait_for_output("The new code starts")
    path.touch()
    assert shop.version() == ["newer", worker.pid]
    assert held.get(timeout=20) == "old"
    assert not before & pids()
    assert worker.stop() == 0


def test_code_that_does_not_start_leaves_the_old_code_at_work(shop):
    worker = shop.start("--processes", "1")
    assert shop.version() == ["old", worker.pid]
    before = pids()
    shop.write("broken", top="def (")
    worker.send(signal.SIGHUP)
    said = worker.wait_for_output("The new code does not start; the worker keeps the old one.")
    assert "SyntaxError" in said
    assert shop.version() == ["old", worker.pid]
    assert pids() == before
    shop.write("mended")
    worker.send(signal.SIGHUP)
    worker.wait_for_output("The new code starts")
    assert shop.version() == ["mended", worker.pid]
    assert worker.stop() == 0


def test_a_worker_that_drains_goes_on_draining_with_the_new_code(shop, tmp_path):
    path = tmp_path / "go"
    held, waiting = shop.enqueue("hold", str(path)), shop.enqueue("version")
    worker = shop.start("--drain", "--processes", "1")
    eventually(path.with_name("go.begun").exists, timeout=30)
    shop.write("newer")
    worker.send(signal.SIGHUP)
    worker.wait_for_output("The new code starts")
    path.touch()
    assert worker.wait() == 0
    assert held.get(timeout=0) == "old"
    assert waiting.get(timeout=0) == ["newer", worker.pid]


def test_sigterm_during_a_trial_stops_the_worker_for_good(shop, tmp_path):
    worker = shop.start("--processes", "1")
    path, trying = tmp_path / "go", tmp_path / "trying"
    held = shop.hold(path)
    shop.write("newer", top=SLOW_TRIAL.format(path=str(trying)))
    worker.send(signal.SIGHUP)
    worker.wait_until(trying.exists, "tried the new code")
    worker.send(signal.SIGTERM)
    path.touch()
    assert worker.wait() == 0
    assert held.get(timeout=0) == "old"
    assert worker.members == [], "the trial is not left behind"
    assert "The new code starts" not in worker.output


def test_sigterm_while_a_reload_waits_for_a_task_lets_it_end_and_stops(shop, tmp_path):
    worker = shop.start("--processes", "1")
    path = tmp_path / "go"
    held = shop.hold(path)
    worker.send(signal.SIGHUP)
    worker.wait_for_output("The new code starts")
    worker.send(signal.SIGTERM)
    waiting = shop.enqueue("version")
    path.touch()
    assert worker.wait() == 0
    assert held.get(timeout=0) == "old"
    waiting.refresh()
    assert waiting.state == "queued"


def test_reload_notices_a_changed_file_and_nothing_else(shop):
    worker = shop.start("--reload", "--processes", "1")
    assert shop.version() == ["old", worker.pid]
    stat = (shop.folder / "shop" / "tasks.py").stat()
    shop.write("newer")
    os.utime(shop.folder / "shop" / "tasks.py", (stat.st_atime, stat.st_mtime + 10))
    worker.wait_for_output("The new code starts")
    assert shop.version() == ["newer", worker.pid]
    assert worker.output.count("Trying the new code") == 1
    assert worker.stop() == 0
