"""Claim: share what a worker may take among its queues, by their weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from django.db.utils import Error

from taskhub.engines import Engine
from taskhub.engines.rows import NOTHING, Claim, Skip


class Shares:
    """Smooth weighted round-robin: over time each queue gets its weight's share of the slots, in small steps."""

    def __init__(self, weights: Mapping[str, int]) -> None:
        self.weights = dict(weights)
        self._credit = dict.fromkeys(weights, 0)

    def add(self, queue: str) -> None:
        """Let a queue take part, with weight 1."""
        self.weights.setdefault(queue, 1)
        self._credit.setdefault(queue, 0)

    def divide(self, count: int, without: Collection[str] = ()) -> list[tuple[str, int]]:
        """Return how many of `count` slots each queue gets now, the most deserving queue first; no zero shares.

        The queues `without` any tasks get none, and lose nothing by that.
        """
        weights = {name: weight for name, weight in self.weights.items() if name not in without}
        total = sum(weights.values())
        shares: dict[str, int] = {}
        for _ in range(count if total else 0):
            for queue, weight in weights.items():
                self._credit[queue] += weight
            best = max(weights, key=self._credit.__getitem__)
            self._credit[best] -= total
            shares[best] = shares.get(best, 0) + 1
        return list(shares.items())

    @property
    def queues(self) -> list[str]:
        return list(self.weights)


def claim(
    engine: Engine, worker_id: int, shares: Shares, count: int, skip: Skip = NOTHING
) -> list[Claim]:
    """Claim up to `count` tasks for a child: each queue its share, then whatever is there.

    One statement; more only where a queue did not fill its share and others have tasks.
    """
    claims: list[Claim] = []
    empty: set[str] = set()
    try:
        while wanted := shares.divide(count - len(claims), without=empty):
            claimed = engine.claim(worker_id, wanted, skip)
            claims += claimed
            taken = Counter(claim.queue for claim in claimed)
            empty |= {queue for queue, share in wanted if taken[queue] < share}
            others = [queue for queue in shares.queues if queue not in empty]
            if empty and not engine.is_claimable(others, skip):
                break
    except Error:
        if not claims:  # else they are ours and must not be forgotten
            raise
    return claims
