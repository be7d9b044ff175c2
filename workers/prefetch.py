"""Prefetch: how many claims a child may hold beyond those that it runs."""

from __future__ import annotations

from workers.tray import TRAY_HOLDS

STUCK_AFTER = 0.1  # seconds: who has waited so long on the tray is given back

_AHEAD_SECONDS = 0.05  # how much work may lie ready
_MOST_AHEAD = 200
_FLUSH_AFTER = 0.02  # seconds: how old an outcome may be when it is recorded
_FLUSH_LATE = 0.04  # the same where tasks are so short that larger batches matter
_MEMORY = 0.2  # weight of the newest duration in the running mean


class Prefetch:
    """Claims ahead only while tasks are short; when one turns out long, what waits behind it is given back."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._mean: float | None = None

    def learn(self, seconds: float) -> None:
        """Take the duration of a run into account."""
        self._mean = (
            seconds if self._mean is None else self._mean + _MEMORY * (seconds - self._mean)
        )

    @property
    def ahead(self) -> int:
        """How many claims may lie ready: none until something is known."""
        if self._mean is None:
            return 0
        fitting = int(self._slots * _AHEAD_SECONDS / max(self._mean, 1e-6))
        few = 1 << max(0, fitting.bit_length() - 3)  # one of few numbers: statements come again
        return min(max(_MOST_AHEAD, self._slots), fitting // few * few)

    @property
    def patience(self) -> float:
        """For how many seconds nobody need look after this child while there is more to run."""
        return _FLUSH_LATE if self.ahead >= _MOST_AHEAD else _FLUSH_AFTER

    @property
    def low(self) -> int:
        """How few claims lie ready when it is time for more."""
        return self.ahead // 2

    def room(self, out: int, waiting: int, unmoved: float) -> int:
        """Return how many to claim now, with `out` not ended, `waiting` of them for `unmoved` seconds.

        Refills when half of what may lie ready is used up, not for each one; and not while the slots are all busy with
        tasks that take longer than expected.
        """
        free = max(0, self._slots - out)
        if not free and (unmoved > _AHEAD_SECONDS or waiting > self.low):
            return 0
        return max(0, min(self._slots + self.ahead - out, TRAY_HOLDS - waiting))
