"""Reloading: the worker goes on with new code, after a trial; code that does not start leaves the old one at work."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from django.utils.autoreload import StatReloader

logger = logging.getLogger("taskhub.worker")

TRIAL = "--trial"  # an option of runworker: import everything, run the checks, and end
_LOOK_EVERY = 1.0  # seconds between looks at the files


class Reloading:
    """Asked by SIGHUP, or by a changed file where it watches. Used by the supervisor, which drains and then goes on."""

    def __init__(self, *, is_watching: bool) -> None:
        self._files = dict(_snapshot()) if is_watching else None
        self._looked_at = time.monotonic()
        self._is_asked = self._is_passed = self._is_off = False
        self._trial: _Trial | None = None

    def ask(self) -> None:
        """Wish for a reload; async-signal-safe."""
        self._is_asked = True

    def forget(self) -> None:
        """Stop for good instead; async-signal-safe."""
        self._is_off = True

    def is_due(self) -> bool:
        """Tell, once, that the new code has passed its trial and that the worker should drain now."""
        if self._is_off:
            return False
        if self._files is not None:
            self._look_at_files()
        if self._is_asked and self._trial is None and not self._is_passed:
            self._is_asked = False
            self._begin_trial()
        if self._trial is None or (verdict := self._trial.verdict()) is None:
            return False
        self._trial, self._is_passed = None, verdict
        return verdict

    def go_on(self) -> None:
        """Become the new program, under the same pid, where that was wished; else return."""
        if self._trial is not None:
            self._trial.end()
        if self._is_passed and not self._is_off:
            sys.stdout.flush()
            sys.stderr.flush()
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606

    def _begin_trial(self) -> None:
        if "runworker" not in sys.orig_argv:
            logger.error(
                "This worker was not started by `manage.py runworker`, so it cannot start itself anew: restart it."
            )
            return
        logger.info("Trying the new code.")
        self._trial = _Trial()

    def _look_at_files(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < _LOOK_EVERY:
            return
        self._looked_at = now
        files = dict(_snapshot())
        if files != self._files:
            self._files = files
            self._is_asked = True


class _Trial:
    """A process that imports the new code, runs the system checks with it, and ends."""

    def __init__(self) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the verdict
        self._process = subprocess.Popen(
            [sys.executable, *sys.orig_argv[1:], TRIAL],
            stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def end(self) -> None:
        """Nobody wants to know any more."""
        self._process.kill()
        self._process.wait()

    def verdict(self) -> bool | None:
        """Tell whether the new code starts; None while nobody knows. Asked until it has said it."""
        if self._process.poll() is None:
            return None
        is_passed = self._process.returncode == 0
        with self._output as output:
            output.seek(0)
            said = output.read().decode(errors="replace").strip()
        if is_passed:
            logger.info("The new code starts: draining, then going on with it.")
        else:
            logger.error("The new code does not start; the worker keeps the old one.\n%s", said)
        return is_passed


def _snapshot() -> dict[Path, float]:
    """Return when each file of the modules that are loaded was changed."""
    return dict(StatReloader().snapshot_files())
