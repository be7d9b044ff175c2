"""`taskhub_bench` measures on the database that is there, and leaves it as it was, however it ends."""

import io
import json
import os
import signal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from taskhub.bench import cleanup, guard
from taskhub.bench.admission import PREFIX
from taskhub.bench.floor import TABLE
from taskhub.engines import get_engine
from taskhub.models import (
    MetricBucket,
    MetricWriter,
    OldestWait,
    Queue,
    Result,
    Task,
    TaskCatalog,
    Worker,
)
from tests.app import tasks
from tests.engines.builders import ago, make_worker
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)

QUICK = ("--noinput", "--tasks", "200", "--seconds", "0.5")
USUAL = [
    "floor", "enqueue", "many", "drain", "idle_statements", "idle_cpu", "idle_pss",
    "pickup_p50", "pickup_p99", "pickup_max",
]  # fmt: skip
DECLARED = """
from tests.settings import *

QUEUES = ["default", "djangos", "imports", "mail", "named", "night", "reports"]
TASKS = {"default": {"BACKEND": "taskhub.backend.TaskHubBackend", "QUEUES": QUEUES}}
"""


@pytest.fixture
def bench(processes):
    """`bench("--only", "drain")`: start the command, quick and without a question."""
    return lambda *args, **more: processes.manage("taskhub_bench", *QUICK, *args, **more)


@pytest.fixture(autouse=True)
def others():
    """A site's own task, which waits, and its own worker, which serves another queue; both are to stay."""
    waiting = tasks.add.enqueue(1)
    own = make_worker("own", kind="worker", queues=[["mail", 1]])
    yield
    assert list(Task.objects.values_list("id", "state")) == [(int(waiting.id), "queued")]
    eventually(lambda: list(Worker.objects.values_list("name", flat=True)) == [own.name])
    for model in (Result, MetricBucket, MetricWriter, Queue):
        assert not model.objects.exists(), model
    # That its worker saw the site's own task wait is true, and may stay.
    assert set(OldestWait.objects.values_list("queue", flat=True)) <= {"default"}
    assert not TaskCatalog.objects.filter(name__contains="bench").exists()
    assert TABLE not in connection.introspection.table_names()


def figures_of(file):
    return json.loads(file.read_text())["figures"]


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_all_is_measured_also_where_queues_are_declared(bench, tmp_path, engine):
    (tmp_path / "declared.py").write_text(DECLARED)
    file = tmp_path / "figures.json"
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    env = {"DJANGO_SETTINGS_MODULE": "declared", "PYTHONPATH": path}
    process = bench("--processes", "1", "--json", str(file), env=env)
    assert process.wait(60) == 0, process.output
    for text in ("tasks into queues named", "floor: bare INSERTs", "× the floor", "… all within"):
        assert text in process.output
    told = json.loads(file.read_text())
    assert told["options"]["worker"] == ["--processes", "1"]
    assert {"cores", "python", "django", "taskhub", "database", "durability"} <= {*told["machine"]}
    assert told["machine"]["durability"]
    assert [*told["figures"]] == USUAL
    figures = told["figures"]
    for key in USUAL:
        if key != "idle_statements":
            assert figures[key]["value"] >= 0
    assert (figures["idle_statements"]["value"] is None) == (engine == "sqlite")
    assert figures["idle_pss"]["value"] > 10
    assert figures["enqueue"]["ratio"] > 0
    assert figures["pickup_p50"]["value"] <= figures["pickup_max"]["value"]


@pytest.mark.only_on("sqlite")
def test_growth_compares_the_drain_with_that_alone(bench, tmp_path):
    file = tmp_path / "figures.json"
    process = bench("--growth", "1000", "--only", "growth", "--processes", "1", "--json", str(file))
    assert process.wait(90) == 0, process.output
    keys = ["growth_alone", "growth_ended", "growth_other", "growth_tomorrow", "growth_backlog"]
    figures = figures_of(file)
    assert [*figures] == ["floor", *keys]
    assert all(figures[key]["ratio_to"] == "alone" for key in keys[1:])


@pytest.mark.only_on("mysql")
def test_pools_are_compared_with_their_ideal(bench, tmp_path):
    process = bench("--only", "pools", "--json", "-")
    assert process.wait(60) == 0, process.output
    figures = json.loads(process.output[process.output.index("\n{") :])["figures"]
    for key in ("pool_threads", "pool_async"):
        assert figures[key]["ratio_to"] == "ideal"
        assert figures[key]["ratio"] > 0  # how much is for a quiet machine to say


def worker_of_the_bench():
    rows = Worker.objects.filter(name__startswith=f"{PREFIX}:", kind="worker")
    return rows.exclude(name=f"{PREFIX}:killed").first()


@pytest.fixture
def started(bench):
    """Start it, and give it back with its worker once that has come up."""

    def start():
        process = bench("--only", "many,pickup", "--seconds", "60", "--processes", "1")
        return process, process.wait_until(worker_of_the_bench, "had a worker")

    return start


def end_by(number, process, worker):
    process.send(number)
    assert process.wait(30) == 130, process.output
    assert "Stopped; its rows are removed." in process.output
    assert not is_alive(worker.pid)


@pytest.mark.only_on("sqlite", "mysql")
def test_a_signal_ends_it_with_its_worker_and_its_rows(started, engine):
    end_by(signal.SIGTERM if engine == "mysql" else signal.SIGINT, *started())


@pytest.mark.only_on("postgresql")
def test_what_a_killed_one_has_left_is_removed_by_the_next_though_that_is_interrupted(started):
    process, worker = started()
    process.kill()
    eventually(lambda: not is_alive(worker.pid), timeout=20)
    assert Task.objects.filter(queue__startswith=PREFIX).count() >= 200
    Worker.objects.filter(pk=worker.pk).update(name=f"{PREFIX}:killed")
    next_one, worker = started()
    assert not Worker.objects.filter(name=f"{PREFIX}:killed").exists()
    end_by(signal.SIGINT, next_one, worker)


def run(*args):
    call_command("taskhub_bench", "--noinput", *args, stdout=io.StringIO())


def test_it_refuses_beside_a_worker_that_serves_every_queue():
    greedy = make_worker("greedy", kind="worker")
    with pytest.raises(CommandError, match=r"take from every queue.*: greedy\. Stop them while"):
        run("--only", "many")
    Worker.objects.filter(pk=greedy.pk).update(heartbeat_at=ago(3600))
    guard.check_workers()
    greedy.delete()


def test_it_refuses_beside_another_benchmark():
    other = make_worker(f"{PREFIX}:1", kind="worker", queues=[[f"{PREFIX}-drain", 1]])
    with pytest.raises(CommandError, match="Another taskhub_bench measures on this database"):
        run()
    other.delete()


def test_a_mark_keeps_clean_up_from_reading_older_tasks():
    old = Task.objects.create(
        name="old", queue=f"{PREFIX}-drain", state="queued", enqueued_at=ago(9)
    )
    engine = get_engine()
    cleanup.begin(engine)
    new = Task.objects.create(name="new", queue=old.queue, state="queued", enqueued_at=ago(9))
    assert cleanup.end(engine) == 1
    assert not Task.objects.filter(id=new.id).exists()
    old.delete()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--only", "drain,drian"), "--only 'drian': expected some of enqueue,many,drain,"),
        (("--tasks", "3"), "--tasks 3: expected 20 to"),
        (("--database", "elsewhere"), "--database 'elsewhere': expected one of default"),
        (("--processes", "0"), "--processes 0: expected 1 or more"),
        (("--json", "/no/such/place"), "--json '/no/such/place': No such file"),
    ],
)
def test_a_bad_option_is_refused_before_anything_is_written(args, says):
    with pytest.raises(CommandError, match=says):
        run(*args)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_it_says_what_it_will_do_and_asks(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    with pytest.raises(CommandError, match=r"Nothing was done\."):
        call_command("taskhub_bench", "--only", "many", stdout=out)
    assert "into queues named taskhub-bench-…" in out.getvalue()
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(CommandError, match="start it with --noinput"):
        call_command("taskhub_bench", "--only", "many", stdout=out)
