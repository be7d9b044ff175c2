"""What every service is: an address, found in the environment or made by starting a server."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, TypedDict

START_SECONDS = 60.0
STOP_SECONDS = 20.0


class Missing(Exception):
    """This machine does not have the service; the message says what would bring it."""


class Service(ABC):
    """One service, and the environment variable through which the tests learn its address.

    An address that the environment already gives is used as it is; nothing is started then.
    """

    name: ClassVar[str]
    variable: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process: subprocess.Popen[bytes] | None = None

    def open(self) -> str:
        """Return the address, after starting the server where the environment gives none.

        Raises:
            Missing: the server's programs are not installed.
            RuntimeError: the server was started and did not answer; carries the end of its log.
        """
        return os.environ.get(self.variable) or self.start()

    @abstractmethod
    def start(self) -> str:
        """Start the server on loopback and return its address once it answers."""

    @property
    def log(self) -> Path:
        return self.directory / f"{self.name.lower()}.log"

    def launch(
        self, command: Sequence[str | Path], *, ready: Callable[[], object], user: str | None = None
    ) -> None:
        """Start `command` in its own session and wait until `ready` raises no exception."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **run_as(user),
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                ready()
            except Exception as error:  # each client library has errors of its own
                if self.process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                self.close()
                raise RuntimeError(f"{self.name} did not start: {error}\n{self.tail()}") from error
            return

    def prepare(self, command: Sequence[str | Path], *, user: str | None = None) -> None:
        """Run a command that makes the data directory, to its end."""
        with self.log.open("ab") as log:
            done = subprocess.run(
                [str(word) for word in command],
                check=False,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **run_as(user),
            )
        if done.returncode:
            raise RuntimeError(f"{self.name}: {command[0]} failed\n{self.tail()}")

    def tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def close(self) -> None:
        """Stop the server that `start` started; harmless when none was."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.process = None


class Services:
    """The services of one run: opened in order, closed in reverse, whatever happens in between."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._open: list[Service] = []

    def open(self, kind: type[Service]) -> str:
        """Open a service in a folder of its own and return its address."""
        directory = self.directory / kind.__name__.lower()
        directory.mkdir(exist_ok=True)
        directory.chmod(0o711)  # servers that run under accounts of their own must get through
        service = kind(directory)
        self._open.append(service)
        return service.open()

    def close(self) -> None:
        while self._open:
            self._open.pop().close()


class Account(TypedDict, total=False):
    """The arguments of Popen that drop root's rights."""

    user: int
    group: int
    extra_groups: list[int]


def run_as(user: str | None) -> Account:
    """What makes Popen run as `user`; nothing for `None`."""
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def server_user(*candidates: str) -> str | None:
    """The account that a server which refuses root runs under: `None` unless we are root."""
    if os.geteuid() != 0:
        return None
    for name in candidates:
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise Missing(f"root may not run this server, and none of these users exists: {candidates}")


def give_to(path: Path, user: str | None) -> Path:
    """Make `path` a folder that `user` owns."""
    path.mkdir(parents=True, exist_ok=True)
    if user is not None:
        shutil.chown(path, user, pwd.getpwnam(user).pw_gid)
    return path


def find_program(*names: str) -> str | None:
    """The path of the first of `names` that is installed; servers hide in the sbin folders."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    return next(filter(None, (shutil.which(name, path=path) for name in names)), None)


def free_port() -> int:
    """A port of the loopback interface that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def try_connecting(port: int) -> bool:
    """Connect to a loopback port and hang up; raises OSError while nobody listens."""
    socket.create_connection(("127.0.0.1", port), timeout=1).close()
    return True
