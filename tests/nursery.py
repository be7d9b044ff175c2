"""A nursery forks workers and sites from a process that has imported what they need, so that hundreds start at once.

What it forks is a process like any other: a session of its own, a command with its arguments, real signals. It has
only not spent a second of a core on importing. There is one nursery for each environment that tests ask for.
"""

import gc
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_MOST = 8  # nurseries at a time
_READY = b"ready\n"


class Born:
    """A forked process, with as much of subprocess.Popen as tests use."""

    def __init__(self, connection: socket.socket) -> None:
        self._lines = connection.makefile("r")
        self._connection = connection
        self.pid = int(self._lines.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self._take(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises subprocess.TimeoutExpired."""
        code = self._take(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("runworker", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def _take(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._connection], [], [], timeout)[0]:
            self.returncode = int(self._lines.readline())
            self._connection.close()
        return self.returncode


class Nursery:
    """A process that forks workers and sites of one environment."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="taskhub-nursery-")
        self._path = str(Path(self._folder.name) / "socket")
        command = [sys.executable, "-m", "tests.nursery", self._path, "runworker"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )  # fmt: skip
        assert self._process.stdout is not None
        self.is_ready = self._process.stdout.readline() == _READY

    def bear(self, command: list[str], log: Path) -> Born:
        """Start `python COMMAND`, which prints into `log`."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._path)
        connection.sendall(json.dumps([command, str(log)]).encode() + b"\n")
        return Born(connection)

    def close(self) -> None:
        """End it; what it has borne lives on."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._folder.cleanup()


class Nurseries:
    """The nurseries that were asked for last."""

    def __init__(self) -> None:
        self._by_env: OrderedDict[str, Nursery] = OrderedDict()

    def of(self, env: Mapping[str, str]) -> Nursery:
        env = {name: value for name, value in env.items() if name != "PYTEST_CURRENT_TEST"}
        key = json.dumps(env, sort_keys=True)
        if key not in self._by_env:
            if len(self._by_env) >= _MOST:
                self._by_env.popitem(last=False)[1].close()
            self._by_env[key] = Nursery(env)
        self._by_env.move_to_end(key)
        return self._by_env[key]

    def close(self) -> None:
        for nursery in self._by_env.values():
            nursery.close()
        self._by_env.clear()


# -- inside ----------------------------------------------------------------------------------------------------------


def main(path: str) -> None:
    """Import what is needed and fork a process for each connection, until stdin ends."""
    prepare()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    gc.freeze()  # and so it stays in the workers, whose supervisor does the same before it forks
    sys.stdout.buffer.write(_READY)
    sys.stdout.flush()
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            attend(connection)
            return
        connection.close()


def prepare() -> None:
    """Import what is the same for all, the site's pages too: Django's checks ask for them when a worker starts.

    Which tasks a worker knows is its own affair.
    """
    import django
    from django.conf import settings

    django.setup()
    import workers
    from taskhub.engines import get_engine

    for module in pkgutil.walk_packages(workers.__path__, "workers."):
        import_module(module.name)
    import_module(settings.ROOT_URLCONF)
    get_engine()  # which opens no connection


def attend(connection: socket.socket) -> None:
    """Fork what was asked for and report its pid and, when it has ended, its exit code."""
    command, log = json.loads(connection.makefile().readline())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        connection.close()
        be(command, log)
        return
    with suppress(OSError):  # who asked may be gone
        connection.sendall(b"%d\n" % pid)
        _, status = os.waitpid(pid, 0)
        connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def be(command: list[str], log: str) -> None:
    """Be `python COMMAND` from here on: `manage.py …` or `-m daphne …`."""
    from django.core.management import execute_from_command_line

    os.setsid()
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(source, target)
    os.close(out)
    os.close(nothing)
    sys.orig_argv = [sys.executable, *command]
    if command[0] == "-m":
        sys.argv = command[1:]
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = command
        execute_from_command_line(command)


if __name__ == "__main__":
    main(sys.argv[1])
