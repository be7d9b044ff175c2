"""Runner: a real `runworker` on the benchmark's queues, in processes of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self, TypeVar

from taskhub.bench.admission import DRAINED, PICKED_UP, PREFIX
from taskhub.bench.figures import BenchFailed

WORKER_NAME = f"{PREFIX}:{{pid}}"
_LOOK_EVERY = 0.01  # seconds
_GRACE = 2  # seconds that running tasks get to end
_PATIENCE = 12.0  # seconds until what has not ended is killed
_LAST_LINES = 8
T = TypeVar("T")


class Runner:
    """Runs while the block does. It gets no Ctrl-C from the terminal, and leaves nothing behind.

    Raises:
        BenchFailed: from `wait_for`, when it has ended by itself, with its last words, or took too long.
    """

    def __init__(self, database: str, arguments: Sequence[str]) -> None:
        name = WORKER_NAME.format(pid=os.getpid())
        queues = [word for queue in (DRAINED, PICKED_UP) for word in ("--queue", queue)]
        self._command = [
            *(sys.executable, "-P", "-m", "taskhub.bench.worker", database, "runworker", *queues, *arguments),
            *("--name", name, "--shutdown-timeout", str(_GRACE)),
        ]  # fmt: skip

    def __enter__(self) -> Self:
        self._output = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}, start_new_session=True,
        )  # fmt: skip
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._output.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, look: Callable[[], T], what: str, seconds: float) -> T:
        """Return what `look` gives as soon as it is true."""
        deadline = time.monotonic() + seconds
        while not (found := look()):
            if self._process.poll() is not None:
                raise BenchFailed(
                    f"The worker ended with exit code {self._process.returncode} before {what}. It said:\n"
                    f"{self._last_words()}"
                )
            if time.monotonic() > deadline:
                raise BenchFailed(
                    f"The worker did not come so far within {seconds:.0f} s: {what}. It said:\n{self._last_words()}"
                )
            time.sleep(_LOOK_EVERY)
        return found

    def _last_words(self) -> str:
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").strip().splitlines()
        return "\n".join(lines[-_LAST_LINES:]) or "nothing"
