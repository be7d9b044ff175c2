"""What live pages cost and how late they are: `python -m tests.run tests/benchmarks/bench_live.py -s`.

Latency is from the commit to the page in Chromium. Statements are those that the server's process sends with one socket
open and with 200, while a task's progress is written ten times a second. Memory is that of a server with sockets that
have been sent a frame and never read it.
"""

import json
import random
import statistics
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, connections
from django.test import Client
from django.utils import timezone
from playwright.sync_api import sync_playwright
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from taskhub.models import Progress
from taskhub.states import TaskState
from tests.benchmarks.writing import writing
from tests.browser.conftest import ARGUMENTS
from tests.dashboard.builders import ago, make_task
from tests.services.base import free_port, try_connecting

pytestmark = pytest.mark.django_db(transaction=True)

CHANGES, SOCKETS, SECONDS = 60, 200, 10.0


@pytest.fixture
def server(processes):
    port = free_port()
    command = ["-m", "daphne", "-v", "0", "--bind", "127.0.0.1", "--port", str(port)]
    server = processes.start(sys.executable, *command, "tests.benchmarks.counted_site:application")
    server.wait_until(lambda: try_connecting(port), "answered", timeout=30)
    server.port = port
    return server


@pytest.fixture
def cookie():
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("bench"))
    return client.cookies["sessionid"].value


@pytest.fixture
def progress():
    task = make_task(TaskState.RUNNING)
    return Progress.objects.create(task=task, fraction=0.0, updated_at=ago(0))


def test_latency(server, cookie, progress, chromium, capsys, monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        site = f"http://127.0.0.1:{server.port}"
        context = browser.new_context(base_url=site)
        context.add_cookies([{"name": "sessionid", "value": cookie, "url": site}])
        page = context.new_page()
        page.goto(f"/taskhub/tasks/{progress.pk}/")
        page.wait_for_selector("#link[data-live=on]")
        page.evaluate(
            """() => {
                 window.seen = {};
                 new MutationObserver(() => {
                   window.seen[document.querySelector("progress")?.value] ??= Date.now();
                 }).observe(document.body, {subtree: true, attributes: true, childList: true});
               }"""
        )
        written = {}
        for number in range(1, CHANGES + 1):
            value = number / 1000
            Progress.objects.filter(pk=progress.pk).update(
                fraction=value, updated_at=timezone.now()
            )
            written[value] = time.time() * 1000
            time.sleep(random.uniform(0.3, 1.2))
        seen = {
            float(key): at for key, at in page.evaluate("window.seen").items() if key != "undefined"
        }
        browser.close()
        connections.close_all()  # those of Playwright's loop
    waits = sorted(seen[value] - at for value, at in written.items() if value in seen)
    with capsys.disabled():
        print(
            f"\n{connection.vendor}: {len(waits)} of {CHANGES} changes seen; "
            f"median {statistics.median(waits):.0f} ms, p95 {waits[int(len(waits) * 0.95) - 1]:.0f} ms, "
            f"longest {waits[-1]:.0f} ms"
        )
    assert len(waits) == CHANGES


def test_statements(server, cookie, progress, capsys):
    figures = {}
    for number in (1, SOCKETS):
        with (
            writing(progress),
            sockets(server.port, cookie, progress.pk, number, is_reading=True) as frames,
        ):
            while len(frames) < number:  # until each has been told for the first time
                time.sleep(0.1)
            before, told = statements(server.port), sum(frames.values())
            time.sleep(SECONDS)
            figures[number] = (
                (statements(server.port) - before) / SECONDS,
                (sum(frames.values()) - told) / SECONDS,
            )
        time.sleep(7)  # the pulse ends
    idle = statements(server.port)
    time.sleep(5)
    with capsys.disabled():
        print(f"\n{connection.vendor}, progress written ten times a second:")
        for number, (rate, frames_rate) in figures.items():
            print(
                f"  {number:3} sockets: {rate:6.1f} statements/s, {frames_rate:7.1f} frames/s told"
            )
        print(f"  without a socket: {(statements(server.port) - idle) / 5:.1f} statements/s")


def test_memory_of_stalled_clients(server, cookie, progress, capsys):
    with writing(progress):
        with sockets(server.port, cookie, progress.pk, 5, is_reading=True):
            time.sleep(3)
        before = rss(server.pid)
        with sockets(server.port, cookie, progress.pk, SOCKETS, is_reading=False):
            grown = []
            for _ in range(4):
                time.sleep(SECONDS / 2)
                grown.append(rss(server.pid) - before)
    with capsys.disabled():
        print(
            f"\n{connection.vendor}: {SOCKETS} sockets that never read, while everything changes: "
            f"{', '.join(f'+{kib} KiB' for kib in grown)} after each {SECONDS / 2:g} s"
        )


def statements(port):
    with urlopen(f"http://127.0.0.1:{port}/statements") as answer:
        return int(answer.read())


def rss(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0])


@contextmanager
def sockets(port, cookie, task_id, number, *, is_reading):
    """Open sockets on the overview and the line of a task; a thread each reads and acknowledges, or nobody does."""
    frames, threads = Counter(), []
    site = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        for _ in range(number):
            socket = stack.enter_context(
                connect(
                    site.replace("http", "ws") + "/taskhub/live/",
                    origin=site,
                    additional_headers={"Cookie": f"sessionid={cookie}"},
                    max_queue=None if is_reading else 1,
                )
            )
            socket.send(json.dumps({"type": "watch", "page": "/taskhub/", "rows": [task_id]}))
            if is_reading:
                threads.append(threading.Thread(target=read, args=(socket, frames), daemon=True))
                threads[-1].start()
        yield frames
    for thread in threads:
        thread.join()


def read(socket, frames):
    with suppress(ConnectionClosed):  # the end
        for said in socket:
            frames[id(socket)] += 1
            socket.send(json.dumps({"type": "ack", "n": json.loads(said)["n"]}))
