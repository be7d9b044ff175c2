import os
import signal
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model

from taskhub.demo.models import Order
from tests.helpers import eventually
from tests.processes import Launched, Processes, every_pid
from tests.services.base import free_port

pytestmark = pytest.mark.django_db(transaction=True)


def parent_of(pid: int) -> int:
    """The parent of a live process; 0 for a zombie and for a pid that is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    state, parent = stat.rpartition(")")[2].split()[:2]
    return 0 if state in "ZX" else int(parent)


def descendants(pid: int) -> set[int]:
    """All that a process started, directly or not, and that is alive."""
    parents = {other: parent_of(other) for other in every_pid()}
    found: set[int] = set()
    level = {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level} - found
        found |= level
    return found


class Demo:
    """A running `manage.py demo`, and every process that was ever seen below it."""

    def __init__(self, processes: Processes, port: int) -> None:
        self.port = port
        self.process: Launched = processes.manage("demo", "--port", port)
        self.family: set[int] = set()

    def wait_for(self, text: str, timeout: float = 90) -> str:
        return self.process.wait_for_output(text, timeout)

    def meet_family(self) -> None:
        self.family |= descendants(self.process.pid)

    def end(self) -> None:
        """Ask it to stop, and kill what a failed test would leave."""
        self.meet_family()
        if self.process.is_running:
            self.process.send(signal.SIGTERM)
            self.process.wait(30)
        for pid in self.survivors:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    @property
    def survivors(self) -> list[int]:
        return [pid for pid in self.family if parent_of(pid)]


@pytest.fixture
def demo(processes: Processes) -> Iterator[Demo]:
    demo = Demo(processes, free_port())
    yield demo
    demo.end()


def test_it_runs_the_samples_serves_the_page_stops_at_ctrl_c_and_runs_again(
    processes: Processes, demo: Demo
) -> None:
    demo.wait_for("user demo, password demo")
    demo.wait_for(f"http://127.0.0.1:{demo.port}/")
    for line in (
        "demo.import_csv succeeded",
        "demo.make_thumbnails succeeded",
        "demo.send_mail succeeded",
        "demo.flaky retrying (CarrierUnreachable)",
        "demo.flaky succeeded",
        "demo.always_fails failed (CardDeclined)",
        "demo.slow running",
        "demo.expires expired",
        "demo.remind pending",
        "demo.find_primes succeeded",
        "demo.write_report succeeded",
    ):
        demo.wait_for(line)
    with urllib.request.urlopen(f"http://127.0.0.1:{demo.port}/", timeout=10) as page:
        assert "The shop has 4999 orders so far." in page.read().decode()
    assert get_user_model().objects.get(username="demo").is_superuser
    demo.meet_family()
    demo.process.send(signal.SIGINT)
    assert demo.process.wait(30) == 0, demo.process.output
    eventually(lambda: not demo.survivors)

    again = Demo(processes, demo.port)
    try:
        again.wait_for("demo.import_csv succeeded")
        again.wait_for("demo.write_report succeeded")
        again.wait_for("demo.slow running")
        assert Order.objects.count() == 4_999
    finally:
        again.end()
    assert again.process.wait(0) == 0


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_and_leaves_no_process(
    demo: Demo, signal_number: signal.Signals
) -> None:
    demo.wait_for("demo.slow running")
    demo.meet_family()
    assert len(demo.family) >= 4
    demo.process.send(signal_number)
    assert demo.process.wait(30) == 0, demo.process.output
    eventually(lambda: not demo.survivors)


@pytest.mark.parametrize("victim", ["web server", "worker"])
def test_a_child_that_dies_is_named_and_ends_the_demo(demo: Demo, victim: str) -> None:
    demo.wait_for("demo.slow running")
    demo.meet_family()
    word = {"web server": "daphne", "worker": "runworker"}[victim]
    (pid,) = (
        pid
        for pid in demo.family
        if parent_of(pid) == demo.process.pid and word in Path(f"/proc/{pid}/cmdline").read_text()
    )
    os.kill(pid, signal.SIGKILL)
    assert demo.process.wait(30) == 1
    assert f"The {victim} ended by itself with signal SIGKILL." in demo.process.output
    eventually(lambda: not demo.survivors)


def test_a_port_that_is_taken_is_said_so(processes: Processes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = Demo(processes, port)
        assert demo.process.wait(30) == 1
    assert f"Port {port} on 127.0.0.1 cannot be used: Address already in use." in (
        demo.process.output
    )
    assert f"manage.py demo --port {port + 1}" in demo.process.output


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--port", "0"), "'0' is not a port; give a number from 1 to 65535"),
        (("--port", "http"), "'http' is not a port"),
        (("--host", "no.such.host.invalid"), "'no.such.host.invalid' is not an address"),
    ],
)
def test_a_bad_option_is_said_so(processes: Processes, args: tuple[str, str], says: str) -> None:
    demo = processes.manage("demo", *args)
    assert demo.wait(30) != 0
    assert says in demo.output


def test_a_site_with_users_of_its_own_gets_no_login_that_everybody_knows(
    processes: Processes,
) -> None:
    get_user_model().objects.create_user("grace", password="a long one")
    demo = processes.manage("demo", "--port", free_port())
    assert demo.wait(30) == 1
    assert "This site has users of its own" in demo.output
    assert not get_user_model().objects.filter(username="demo").exists()
