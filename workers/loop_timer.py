"""The loop's timer: interrupts tasks that run as coroutines, by cancelling them.

What arrives in the coroutine is asyncio's CancelledError, at its next `await`; why, is written on its record.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from taskhub.context import Run
from workers.interruption import REPEAT, asked_to_stop, too_late


@dataclass(slots=True)
class _Armed:
    task: asyncio.Task[None] | None
    timer: asyncio.TimerHandle
    shot: BaseException | None = None


class LoopTimer:
    """Guards runs of one event loop; `arm` and `disarm` are called on it, `abort` from anywhere."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._armed: dict[Run, _Armed] = {}

    def arm(self, run: Run) -> None:
        left = max(0.0, run.deadline - time.monotonic())
        timer = self._loop.call_later(left, self._shoot, run, too_late(run))
        self._armed[run] = _Armed(asyncio.current_task(self._loop), timer)

    def disarm(self, run: Run) -> None:
        if (armed := self._armed.pop(run, None)) is not None:
            armed.timer.cancel()

    def shot(self, run: Run) -> BaseException | None:
        """Return what the run was interrupted with, if it was."""
        armed = self._armed.get(run)
        return armed.shot if armed is not None else None

    def abort(self, run: Run) -> None:
        self._loop.call_soon_threadsafe(self._shoot, run, asked_to_stop())

    def _shoot(self, run: Run, shot: BaseException) -> None:
        """Cancel the coroutine, again and again until it leaves."""
        if (armed := self._armed.get(run)) is None:
            return
        armed.shot = armed.shot or shot
        armed.timer.cancel()
        armed.timer = self._loop.call_later(REPEAT, self._shoot, run, shot)
        if armed.task is not None:
            armed.task.cancel()
