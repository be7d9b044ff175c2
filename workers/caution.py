"""Caution: a task that a worker has died with runs alone in its child, and others do not wait for that for long."""

from __future__ import annotations

import time
from collections.abc import Sequence

from taskhub.engines.rows import Claim

_PATIENCE = 1.0  # seconds


class Caution:
    """Makes room for risky tasks, one after the other, in a child that runs one task or many at a time.

    The slots of a pool stand empty for that, until what runs has ended and while the risky one runs. So it gives at
    most half of its time: afterwards, and when nothing came of its waiting, it leaves risky tasks alone for as long as
    that took. It waits twice as long each time that it has waited in vain, so that its turn comes in the end.
    """

    def __init__(self, slots: int) -> None:
        self._is_pool = slots > 1
        self._since: float | None = None  # from when on it has claimed nothing beside a risky task
        self._is_alone = False  # a risky task runs, and nothing else
        self._patience = _PATIENCE
        self._shun_until = 0.0

    @property
    def is_shunning(self) -> bool:
        """Risky tasks are left alone for now."""
        return time.monotonic() < self._shun_until

    def stop_shunning(self) -> None:
        """There is nothing else to do: the next claim may be a risky one."""
        self._shun_until, self._since = 0.0, time.monotonic()

    def room(self, out: int) -> int | None:
        """Return how many to claim with `out` not ended; None: as many as there is room for."""
        if self._since is None:
            return None
        waited = time.monotonic() - self._since
        is_done = self._is_alone and not out
        is_in_vain = not self._is_alone and out > 0 and waited > self._patience
        if is_done or is_in_vain:
            self._is_alone = False
            self._patience = _PATIENCE if is_done else self._patience * 2
            if self._is_pool:
                self._since, self._shun_until = None, time.monotonic() + waited
                return None
        return 0 if out else 1

    def split(self, claims: Sequence[Claim], out: int) -> tuple[list[Claim], list[Claim]]:
        """Say which claims to run, and which to give back, with `out` claimed before."""
        risky = [claim for claim in claims if claim.losses]
        if not risky:
            self._since = None
            return list(claims), []
        self._since = self._since or time.monotonic()
        if not out and len(claims) == 1:
            self._is_alone = True
            return risky, []
        return [claim for claim in claims if not claim.losses], risky
