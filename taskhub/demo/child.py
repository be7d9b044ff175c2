"""Run a command as the leader of a process group, so that all it starts can be ended with it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

LOOK_EVERY_S = 0.1


class Child:
    """One process and its group. It gets no Ctrl-C from the terminal: only what we send."""

    def __init__(self, title: str, command: Sequence[str], env: dict[str, str]) -> None:
        self.title = title
        self._process = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, start_new_session=True
        )

    @property
    def is_running(self) -> bool:
        """Tell whether the process itself lives."""
        return self._process.poll() is None

    @property
    def ending(self) -> str:
        """Say how it ended: with which exit code, or by which signal."""
        code = self._process.poll()
        if code is None:
            return "still runs"
        return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"

    def terminate(self) -> None:
        """Ask the process to stop; it passes that on to its own children."""
        if self.is_running:
            self._process.terminate()

    def kill_group(self) -> None:
        """End what is left of the group, and reap the process."""
        # Gone already; on macOS the other error means that only zombies are left.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def stop_all(children: Sequence[Child], *, grace_s: float, is_urgent: Callable[[], bool]) -> None:
    """Ask all to stop, wait until they did, for `grace_s` or until it is urgent; kill the rest."""
    for child in children:
        child.terminate()
    deadline = time.monotonic() + grace_s
    while (
        any(child.is_running for child in children)
        and time.monotonic() < deadline
        and not is_urgent()
    ):
        time.sleep(LOOK_EVERY_S)
    for child in children:
        child.kill_group()
