"""Prefetch: how many tasks an executor may hold beyond the one that it runs."""

from __future__ import annotations

from taskhub.engines.rows import Ending

_BUFFERED_SECONDS = 0.05  # how much work may lie ready
_MOST = 100
_MEMORY = 0.2  # weight of the newest duration in the running mean


class Prefetch:
    """Claims ahead only while tasks are short; when one turns out long, what waits behind it is given back."""

    stuck_after = 0.1  # seconds

    def __init__(self) -> None:
        self._mean: float | None = None

    def learn(self, ending: Ending) -> None:
        """Take the duration of a run into account."""
        took = max(0.0, (ending.finished_at - ending.started_at).total_seconds())
        self._mean = took if self._mean is None else self._mean + _MEMORY * (took - self._mean)

    @property
    def target(self) -> int:
        """How many claims to hold: one until something is known."""
        if self._mean is None:
            return 1
        return max(1, min(_MOST, int(_BUFFERED_SECONDS / max(self._mean, 1e-6))))

    def room(self, buffered: int, *, is_busy: bool, busy_for: float) -> int:
        """Return how many to claim now; refills when half is used up, not for each one."""
        target = self.target
        if is_busy and (target == 1 or busy_for > _BUFFERED_SECONDS):
            return 0
        return target - buffered if buffered <= target // 2 and buffered < target else 0

    def is_stuck(self, busy_for: float) -> bool:
        """Tell whether the running task is too long for others to wait behind it."""
        return busy_for > self.stuck_after
