"""Fixtures that start real processes on the test's database, and leave none behind."""

import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.nursery import Nurseries
from tests.processes import Launched, Processes
from tests.services.base import free_port, try_connecting

PROCESSES = pytest.StashKey[Processes]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the processes of a failed test printed."""
    report = yield
    processes = item.stash.get(PROCESSES, None)
    if processes is not None and report.failed:
        report.sections += [(f"output of {one}", one.output) for one in processes.launched]
    return report


@pytest.fixture(scope="session")
def nurseries() -> Iterator[Nurseries]:
    """Where workers come from; see `tests.nursery`."""
    nurseries = Nurseries()
    yield nurseries
    nurseries.close()


@pytest.fixture
def processes(
    transactional_db: None, request: pytest.FixtureRequest, tmp_path: Path, nurseries: Nurseries
) -> Iterator[Processes]:
    """Start commands on the test's database; all that they started is dead when the test ends."""
    launcher = Processes(tmp_path, nurseries)
    request.node.stash[PROCESSES] = launcher
    yield launcher
    launcher.close()


class WorkerLauncher:
    """`run_worker("--processes", "2")`: a real `manage.py runworker`."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes

    def __call__(self, *args: str | int, env: dict[str, str] | None = None) -> Launched:
        return self._processes.work(*args, env=env)


@pytest.fixture
def run_worker(processes: Processes) -> WorkerLauncher:
    """Start workers; needs `@pytest.mark.django_db(transaction=True)`."""
    return WorkerLauncher(processes)


class Drain:
    """`drain("--queue", "mail")`: run a worker until its queues are empty; gives its output."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes

    def __call__(self, *args: str | int, timeout: float = 60.0) -> str:
        worker = self._processes.work("--drain", *args)
        try:
            code = worker.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"runworker --drain still runs after {timeout:g} s") from None
        assert code == 0, f"runworker --drain ended with exit code {code}\n{worker.output}"
        return worker.output


@pytest.fixture
def drain(processes: Processes) -> Drain:
    return Drain(processes)


@pytest.fixture
def live_site(processes: Processes) -> str:
    """The address of the real site: Daphne in a process of its own, on the test's database."""
    port = free_port()
    server = processes.serve(port)
    server.wait_until(lambda: try_connecting(port), "the site accepts connections", timeout=30)
    return f"http://127.0.0.1:{port}"
