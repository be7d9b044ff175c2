"""Real processes on the test's database: started, watched, and ended with all their kin."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from django.db import connections

from tests.helpers import GiveUp, eventually
from tests.nursery import Born, Nurseries

ROOT = Path(__file__).resolve().parent.parent
T = TypeVar("T")


class Launched:
    """One process that leads a process group of its own; its output goes to a file."""

    def __init__(
        self, command: list[str], log: Path, process: Born | subprocess.Popen[bytes]
    ) -> None:
        self.command = command
        self.log = log
        self.process = process

    @classmethod
    def start(cls, command: list[str], log: Path, env: dict[str, str]) -> "Launched":
        """Execute a command."""
        with log.open("wb") as out:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(command, log, process)

    def __str__(self) -> str:
        words = [Path(word).name if word == sys.executable else word for word in self.command]
        return f"`{' '.join(words)}` (pid {self.pid}, exit code {self.process.poll()})"

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        """What it has printed so far, both streams."""
        return self.log.read_text(errors="replace")

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    @property
    def members(self) -> list[int]:
        """The pids of its session that are alive, itself included; zombies do not count."""
        return [pid for pid in every_pid() if leader_of(pid) == self.pid == session_of(pid)]

    @property
    def children(self) -> list[int]:
        return [pid for pid in self.members if pid != self.pid]

    def send(self, signal_number: int) -> None:
        """Signal the process itself, not its children."""
        self.process.send_signal(signal_number)

    def send_to_all(self, signal_number: int) -> None:
        """Signal the process and all that are left of its session."""
        for pid in self.members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal_number)

    def wait(self, timeout: float = 30.0) -> int:
        """Wait until it has ended and return its exit code."""
        return self.process.wait(timeout)

    def wait_for_output(self, text: str, timeout: float = 20.0) -> str:
        """Wait until it has printed `text`."""
        return self.wait_until(
            lambda: self.output if text in self.output else "", f"printed {text!r}", timeout
        )

    def wait_until(self, fn: Callable[[], T], what: str, timeout: float = 20.0) -> T:
        """Wait until `fn` is true; gives up at once when the process ends before that."""

        def look() -> T:
            is_running = self.is_running  # before the look: what it said last still counts
            try:
                value = fn()
            except Exception as error:
                if is_running:
                    raise
                raise GiveUp(f"it ended, and {error!r}") from error
            if not value and not is_running:
                raise GiveUp("it ended")
            return value

        try:
            return eventually(look, timeout)
        except AssertionError as error:
            raise AssertionError(f"{self}: never {what}: {error}\n{self.output}") from error

    def stop(self, timeout: float = 20.0) -> int:
        """Ask it to stop (SIGTERM), wait, and kill it if it does not; returns its exit code.

        Raises:
            AssertionError: it had to be killed, or left children behind.
        """
        if self.is_running:
            self.send(signal.SIGTERM)
        try:
            code = self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self} did not stop within {timeout:g} s of SIGTERM") from None
        left = self.members
        self.kill()
        assert not left, f"{self} left processes behind: {left}"
        return code

    def kill(self) -> None:
        """SIGKILL the whole session, at once and without a word."""

        def nothing_is_left() -> bool:
            self.send_to_all(signal.SIGKILL)  # again: a child may have been forked just now
            return not self.members

        eventually(nothing_is_left, timeout=30)
        self.process.wait(10)


def every_pid() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def leader_of(pid: int) -> int | None:
    """The session of a process or of a zombie, as the kernel tells it without a file to read."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def session_of(pid: int) -> int | None:
    """The session of a live process; `None` for a zombie and for a pid that is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name and may hold spaces and brackets.
    state, _parent, _group, session = stat.rpartition(")")[2].split()[:4]
    return None if state in "ZX" else int(session)


class Processes:
    """Starts processes that see the test's database as their `default`."""

    def __init__(self, directory: Path, nurseries: Nurseries) -> None:
        self.directory = directory
        self.launched: list[Launched] = []
        self._nurseries = nurseries

    def manage(self, *args: str | int, env: dict[str, str] | None = None) -> Launched:
        """Start `manage.py ARGS`."""
        return self.start(sys.executable, "manage.py", *map(str, args), env=env)

    def work(self, *args: str | int, env: dict[str, str] | None = None) -> Launched:
        """Start `manage.py runworker ARGS` from a nursery."""
        return self._bear("manage.py", "runworker", *map(str, args), env=env)

    def serve(self, port: int) -> Launched:
        """Start the site on Daphne, from a nursery."""
        address = ("--bind", "127.0.0.1", "--port", str(port))
        return self._bear("-m", "daphne", *address, "taskhub.site.asgi:application")

    def _bear(self, *arguments: str, env: dict[str, str] | None = None) -> Launched:
        """Fork it from a nursery; it is a process of its own where that cannot prepare it."""
        nursery, command = self._nurseries.of({**environment(), **(env or {})}), [*arguments]
        if not nursery.is_ready:
            return self.start(sys.executable, *command, env=env)
        log = self._new_log()
        return self._keep(Launched([sys.executable, *command], log, nursery.bear(command, log)))

    def start(self, *command: str, env: dict[str, str] | None = None) -> Launched:
        """Start a command in a session of its own."""
        env = {**environment(), **(env or {})}
        return self._keep(Launched.start(list(command), self._new_log(), env))

    def _new_log(self) -> Path:
        return self.directory / f"process-{len(self.launched)}.log"

    def _keep(self, launched: Launched) -> Launched:
        self.launched.append(launched)
        return launched

    def close(self) -> None:
        """Kill what still runs."""
        for one in self.launched:
            one.kill()


def environment() -> dict[str, str]:
    """The environment that leads a process to the test's settings and database."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONUNBUFFERED": "1",
        "TASKHUB_TEST_DATABASE_NAME": str(connections["default"].settings_dict["NAME"]),
    }
