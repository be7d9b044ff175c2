"""What a page costs beside a million tasks: `python -m tests.run tests/benchmarks/bench_dashboard.py -s`.

Each page is asked for nine times: the median and the worst of its milliseconds are printed, the CPU of the web process,
and how many statements it sends. Then one tab is left open on the overview while the database changes all the time.
`TASKHUB_BENCH_JSON=docs/charts/performance.json` keeps the figures of the engine that it ran on.
"""

import json
import os
import platform
import statistics
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import django
import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.backends.signals import connection_created
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard.live.hub import Hub
from dashboard.live.look import Look
from dashboard.live.pulse import Pulse
from dashboard.live.topics import Audience, Page
from dashboard.permissions import Permission
from taskhub.engines import get_engine
from taskhub.engines.measuring import server
from taskhub.models import BulkVerb, Progress, Result, Schedule, Task, Worker, WorkflowRun
from taskhub.queue import bulk
from taskhub.states import TaskState
from tests.benchmarks.full_site import fill
from tests.benchmarks.writing import writing
from tests.dashboard.builders import ago, make_task, make_worker

pytestmark = pytest.mark.django_db(transaction=True)

MANY = int(os.environ.get("TASKHUB_BENCH_ROWS", 1_000_000))
ROUNDS = 9
WATCHED = 20.0  # seconds


def test_every_page_at_a_million_tasks(capsys):
    fill(MANY)
    make_worker("x")
    make_task(TaskState.RUNNING)
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    load = os.getloadavg()[0]
    with capsys.disabled():
        told, tab = measure_pages(client), measure_a_tab()
    if path := os.environ.get("TASKHUB_BENCH_JSON"):
        keep(Path(path), told, tab, load)


def keep(path: Path, told: dict[str, dict[str, float]], tab: dict[str, float], load: float) -> None:
    """Write the figures of this engine beside those of the others."""
    data, store = json.loads(path.read_text()), connection.display_name
    for name, figures in told.items():
        data["pages"].setdefault(name, {})[store] = figures
    where = (
        f"{server(get_engine())}, Python {platform.python_version()}, Django {django.__version__}"
    )
    when = f"{timezone.now():%Y-%m-%d}"
    data["pages_measured"][store] = f"{where}, on {when}, the load of the machine {load:.1f}"
    data["tab"][store] = tab
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def pages() -> dict[str, str]:
    tasks = reverse("dashboard:tasks")
    queued = Task.objects.filter(state="queued").latest("id")
    failed = Result.objects.filter(task__state="failed").latest("id").task_id
    run = WorkflowRun.objects.get()
    worker = Worker.objects.filter(kind="worker").latest("id")
    parent = Task.objects.get(name="email.all", parent=None, workflow=None)
    searches = {
        "state": "failed", "queue": "q7", "task": "email.*", "tag": "bulk", "since": "2h", "args.user_id": "42",
        "error": "SMTP", "worker": "w1", "parent": str(parent.pk), "workflow": str(run.pk),
        "fingerprint": "abababababab1003",
    }  # fmt: skip
    action = bulk.pin(
        BulkVerb.RETRY, Task.objects.filter(state="failed"), bulk.By("1", "anna"), "state:failed"
    )
    return {
        "overview": reverse("dashboard:overview"),
        "tasks": tasks,
        **{f"tasks {key}:{value}": f"{tasks}?{key}={value}" for key, value in searches.items()},
        "tasks of a name that is not there": f"{tasks}?task=nowhere",
        "tasks queue:q7 state:succeeded since:2h": f"{tasks}?queue=q7&state=succeeded&since=2h",
        "tasks, a page in the middle": f"{tasks}?before={queued.pk // 2}",
        "task, queued": reverse("dashboard:task", args=[queued.pk]),
        "task, failed": reverse("dashboard:task", args=[failed]),
        "task with 1,000 children": reverse("dashboard:task", args=[parent.pk]),
        "task of a workflow of 1,000": reverse("dashboard:task", args=[run.tasks.latest("id").pk]),
        "edit": reverse("dashboard:edit", args=[failed]),
        "preview of 50,000 tasks": reverse("dashboard:bulk", args=[action.pk]),
        "queues": reverse("dashboard:queues"),
        "queue": reverse("dashboard:queue", args=["q7"]),
        "errors": reverse("dashboard:errors"),
        "error": reverse("dashboard:error", args=["abababababab1003"]),
        "workers": reverse("dashboard:workers"),
        "worker": reverse("dashboard:worker", args=[worker.pk]),
        f"schedules, {Schedule.objects.count()}": reverse("dashboard:schedules"),
        "audit": reverse("dashboard:audit"),
    }


def measure_pages(client: Client) -> dict[str, dict[str, float]]:
    load = os.getloadavg()[0]
    print(f"\n{connection.vendor}, {Task.objects.count():,} tasks, load {load:.2f}, milliseconds:")
    print(f"  {'':42} median   best  worst    CPU  database  statements")
    told = {}
    for name, url in pages().items():
        found = [measure(client, url) for _ in range(ROUNDS)]
        times = [one[0] for one in found]
        told[name] = {
            "median": round(statistics.median(times), 1), "best": round(min(times), 1), "worst": round(max(times), 1),
            "cpu": round(statistics.median(one[1] for one in found), 1), **statements(client, url),
        }  # fmt: skip
        print(f"  {name:42}" + "".join(f"{number:7.0f}" for number in told[name].values()))
    return told


def measure(client: Client, url: str) -> tuple[float, float]:
    """Return how long an answer takes, and the CPU that this process spends on it."""
    began, cpu = time.perf_counter(), time.process_time()
    response = client.get(url)
    assert response.status_code == 200, (url, response.status_code)
    return (time.perf_counter() - began) * 1000, (time.process_time() - cpu) * 1000


def statements(client: Client, url: str) -> dict[str, float]:
    """Return how many statements a page sends, and how long they take together."""
    spent: list[float] = []

    def timed(execute, sql, params, many, context):
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            spent.append((time.perf_counter() - began) * 1000)

    with connection.execute_wrapper(timed):
        client.get(url)
    return {"database": round(sum(spent), 1), "statements": len(spent)}


# -- one open tab ---------------------------------------------------------------------------------------------------


class Tab:
    """Somebody who watches."""

    pokes = 0

    def poke(self) -> None:
        self.pokes += 1


def measure_a_tab() -> dict[str, float]:
    """Leave one tab open on the overview while somebody commits ten times a second."""
    page = Page(reverse("dashboard:overview"), Audience(frozenset(one.value for one in Permission)))
    looks = [_one_look(page) for _ in range(ROUNDS)]
    hub, tab, spent = Hub(), Tab(), []
    hub.watch(tab, frozenset([page]))
    pulse = Pulse(hub)
    task = make_task(TaskState.RUNNING)
    progress = Progress.objects.create(task=task, fraction=0.0, updated_at=ago(0))
    with writing(progress), _statements_of_others(spent):
        pulse.nudge()
        time.sleep(2)
        del spent[:]
        tab.pokes, cpu = 0, _cpu_of_pulse()
        time.sleep(WATCHED)
        seconds, number, cpu = sum(spent), len(spent), _cpu_of_pulse() - cpu
        pulse.close()
    told = {
        "look": round(statistics.median(looks), 1),
        "statements": round(number / WATCHED, 1),
        "news": round(tab.pokes / WATCHED, 2),
        "cpu": round(100 * cpu / WATCHED, 1),
        "database": round(100 * seconds / WATCHED, 1),
    }
    print(
        f"  one tab on the overview: a look {told['look']:.0f} ms, {told['statements']:.1f} statements/s, "
        f"news {told['news']:.1f} times a second; {told['cpu']:.1f} % of a core here, waiting for the database "
        f"{told['database']:.1f} % of the time"
    )
    return told


def _cpu_of_pulse() -> float:
    """Return the seconds of CPU that its thread has spent."""
    (thread,) = [one for one in threading.enumerate() if one.name == "taskhub-pulse"]
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


def _one_look(page: Page) -> float:
    began = time.perf_counter()
    assert Look().at({page: False}, has_changed=True)[page]
    return (time.perf_counter() - began) * 1000


@contextmanager
def _statements_of_others(spent: list[float]):
    """Keep the seconds of each statement that the pulse's thread sends."""

    def timed(execute, sql, params, many, context):
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            spent.append(time.perf_counter() - began)

    def watch(connection, **kwargs):
        if threading.current_thread().name == "taskhub-pulse":
            connection.execute_wrappers.append(timed)

    connection_created.connect(watch)
    try:
        yield
    finally:
        connection_created.disconnect(watch)
