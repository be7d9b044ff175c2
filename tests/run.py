"""`python -m tests.run`: start the services, run pytest for each database (side by side), stop them.

Everything that is started listens on loopback at a free port, keeps its data in a temporary folder
and is gone at the end. The last line is the sum of all: `N passed, N failed, N skipped`.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from tests.services import Chromium, MariaDB, Missing, Postgres, Redis, Service, Services

ROOT = Path(__file__).resolve().parent.parent
ENGINES: dict[str, type[Service] | None] = {
    "sqlite": None,
    "postgresql": Postgres,
    "mysql": MariaDB,
}
# The folders of one pytest, where the whole suite runs; what is not named here is in a share of its own. The longest
# come first: they wait more than they compute, and what computes fills both cores to the end.
SHARES = [["faults", "integration"], ["admin", "browser", "dashboard", "demo"]]
AT_ONCE = 4
ACCESSORIES: tuple[type[Service], ...] = (Redis, Chromium)
RUN_SECONDS = 2700
MOST_AGAIN = 5  # more failures than this are no accident of a busy machine
NO_TESTS_COLLECTED = 5


@dataclass(slots=True)
class Totals:
    """What all the runs so far came to."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    broken: list[str] = field(default_factory=list)
    unsteady: list[str] = field(default_factory=list)

    def add(self, engine: str, report: Path, exit_code: int) -> None:
        """Count one pytest run; one that broke without a failed test counts as a failure."""
        counts = counts_of(report)
        self.passed += counts.get("passed", 0)
        self.failed += counts.get("failed", 0)
        self.skipped += counts.get("skipped", 0)
        if exit_code not in (0, NO_TESTS_COLLECTED) and not counts.get("failed"):
            self.broken.append(f"{engine}: pytest ended with exit code {exit_code}")

    def add_again(self, first: "Run", again: "Run", exit_code: int) -> None:
        """Count a second run of what had failed in the first: tests that pass now are told as unsteady."""
        self.failed -= counts_of(first.report)["failed"]
        self.add(again.engine, again.report, exit_code)
        self.unsteady += [
            f"{first.engine}: {test}" for test in set(first.failed) - set(again.failed)
        ]

    @property
    def exit_code(self) -> int:
        """Non-zero for a failure, and also when not one test ran."""
        return 1 if self.failed or self.broken or not self.passed else 0

    def __str__(self) -> str:
        failed = self.failed + len(self.broken)
        return f"{self.passed} passed, {failed} failed, {self.skipped} skipped"


def counts_of(report: Path) -> dict[str, Any]:
    """Return what `tests.plugins.report` has left; nothing, where pytest did not come so far."""
    counts: dict[str, Any] = json.loads(report.read_text()) if report.exists() else {}
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    options, pytest_arguments = parse(arguments)
    require_all = os.environ.get("TASKHUB_TEST_REQUIRE_ALL", "") not in ("", "0")
    # SIGTERM must take the same way out as Ctrl-C, or the servers would outlive us.
    signal.signal(signal.SIGTERM, leave)
    directory = Path(tempfile.mkdtemp(prefix="taskhub-tests-"))
    directory.chmod(0o711)
    totals = Totals()
    try:
        with closing(Services(directory)) as services:
            environment = sharing_bytecode(dict(os.environ), directory)
            for kind in ACCESSORIES:
                open_service(services, kind, environment, totals, require_all=require_all)
            engines = [
                engine
                for engine in options.engine or ENGINES
                if (server := ENGINES[engine]) is None
                or open_service(services, server, environment, totals, require_all=require_all)
            ]
            run_all(
                engines, pytest_arguments, environment, directory, totals, require_all=require_all
            )
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    for problem in totals.broken:
        print(problem)
    for test in totals.unsteady:
        print(f"unsteady: failed beside the others, passed alone: {test}")
    print(totals, flush=True)
    return totals.exit_code


def parse(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """Split our options from pytest's."""
    parser = argparse.ArgumentParser(prog="python -m tests.run", allow_abbrev=False)
    parser.add_argument(
        "--engine",
        action="append",
        choices=list(ENGINES),
        help="run on this database only; may be given more than once (default: all)",
    )
    options, rest = parser.parse_known_args(arguments)
    return options, [word for word in rest if word != "--"]


def sharing_bytecode(environment: dict[str, str], directory: Path) -> dict[str, str]:
    """Let our hundreds of processes compile a module once, also where none may be written beside the sources."""
    if environment.pop("PYTHONDONTWRITEBYTECODE", ""):
        environment.setdefault("PYTHONPYCACHEPREFIX", str(directory / "bytecode"))
    return environment


def open_service(
    services: Services,
    kind: type[Service],
    environment: dict[str, str],
    totals: Totals,
    *,
    require_all: bool,
) -> bool:
    """Put the service's address into `environment`; say so and return False where it is missing."""
    began = time.monotonic()
    try:
        environment[kind.variable] = services.open(kind)
    except Missing as reason:
        consequence = "a failure, as TASKHUB_TEST_REQUIRE_ALL is set" if require_all else "skipped"
        print(f"{kind.name}: {reason}: {consequence}", flush=True)
        if require_all:
            totals.broken.append(f"{kind.name}: {reason}")
        return False
    print(f"{kind.name} is ready ({time.monotonic() - began:.1f} s)", flush=True)
    return True


def run_all(
    engines: list[str],
    arguments: list[str],
    environment: dict[str, str],
    directory: Path,
    totals: Totals,
    *,
    require_all: bool,
) -> None:
    """Run the suite on each database, side by side: tests of real processes mostly wait.

    The few that failed run a second time, with the machine to themselves: what only fails beside three other runs
    is told (`unsteady`), and is no reason to refuse a change.
    """
    shares = shares_of(arguments) if len(engines) > 1 else [[]]
    runs = [
        Run(engine, directory / f"run-{engine}-{number}", folders)
        for number, folders in enumerate(shares)
        for engine in engines
    ]
    deadline = time.monotonic() + RUN_SECONDS
    waiting, running = list(runs), list[Run]()
    try:
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                running.append(waiting.pop(0))
                running[-1].start(arguments, environment, is_alone=len(runs) == 1)
            run = first_to_end(running, deadline)
            running.remove(run)
            totals.add(run.engine, run.report, run.wait(deadline - time.monotonic()))
        if (
            0 < totals.failed <= MOST_AGAIN
            and not totals.broken
            and (require_all or len(engines) > 1)
        ):
            for first in [run for run in runs if run.failed]:
                runs.append(again := Run(first.engine, first.home / "again"))
                again.start(first.failed, environment, is_alone=True)
                totals.add_again(first, again, again.wait(deadline - time.monotonic()))
    finally:
        for run in runs:
            run.stop()


def shares_of(arguments: list[str]) -> list[list[str]]:
    """Return the folders of each pytest; one without folders where the arguments name what is to run."""
    if any((ROOT / word.partition("::")[0]).exists() for word in arguments):
        return [[]]
    named = {name for share in SHARES for name in share}
    others = {path.parent.name for path in ROOT.glob("tests/*/test_*.py")} - named
    return [[f"tests/{name}" for name in share] for share in [*SHARES, sorted(others)]]


def first_to_end(running: list["Run"], deadline: float) -> "Run":
    """Wait for one of them to end, until the deadline."""
    while time.monotonic() < deadline:
        for run in running:
            if not run.is_running:
                return run
        time.sleep(0.1)
    return running[0]


@dataclass(slots=True)
class Run:
    """One pytest on one database, with a folder of its own; on a share of the suite's folders, or on all."""

    engine: str
    home: Path
    folders: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    @property
    def report(self) -> Path:
        return self.home / "counts.json"

    @property
    def failed(self) -> list[str]:
        """The tests that failed, as pytest is told to run them."""
        return list(counts_of(self.report).get("failed_tests", []))

    @property
    def output(self) -> Path:
        return self.home / "output.txt"

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, arguments: list[str], environment: dict[str, str], *, is_alone: bool) -> None:
        """Start it; beside others its output goes to a file, and is shown when it has ended."""
        self.home.mkdir()
        mine = {
            "TASKHUB_TEST_DATABASE": self.engine,
            "TASKHUB_TEST_DIR": str(self.home),
            "TASKHUB_TEST_REPORT": str(self.report),
            "PYTHONUNBUFFERED": "1",  # who waits may look at the output
        }
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *arguments, *self.folders],
                cwd=ROOT,
                env={**environment, **mine},
                stdout=None if is_alone else file,
                stderr=None if is_alone else subprocess.STDOUT,
            )

    def wait(self, seconds: float) -> int:
        """Wait for its end, show what it printed, and return its exit code; it is stopped when it takes too long."""
        assert self.process is not None
        try:
            exit_code = self.process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            print(f"{self.engine}: not finished after {RUN_SECONDS} s, stopped", flush=True)
            self.stop()
            exit_code = -signal.SIGINT
        print(f"\n===== {' '.join([self.engine, *self.folders])} =====", flush=True)
        print(self.output.read_text(errors="replace"), end="", flush=True)
        return exit_code

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End pytest so that its fixtures clean up: as Ctrl-C does, and only then by force."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def leave(signal_number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signal_number)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
