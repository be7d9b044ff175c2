"""Claim: share what a worker may take among its queues, by their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from taskhub.engines import Engine
from taskhub.engines.rows import Claim


class Shares:
    """Smooth weighted round-robin: over time each queue gets its weight's share of the slots, in small steps."""

    def __init__(self, weights: Mapping[str, int]) -> None:
        self.weights = dict(weights)
        self._credit = dict.fromkeys(weights, 0)

    def add(self, queue: str) -> None:
        """Let a queue take part, with weight 1."""
        self.weights.setdefault(queue, 1)
        self._credit.setdefault(queue, 0)

    def divide(self, count: int) -> list[tuple[str, int]]:
        """Return how many of `count` slots each queue gets now, the most deserving queue first; no zero shares."""
        total = sum(self.weights.values())
        shares: dict[str, int] = {}
        for _ in range(count if total else 0):
            for queue, weight in self.weights.items():
                self._credit[queue] += weight
            best = max(self._credit, key=self._credit.__getitem__)
            self._credit[best] -= total
            shares[best] = shares.get(best, 0) + 1
        return list(shares.items())

    @property
    def queues(self) -> list[str]:
        return list(self.weights)


def claim(
    engine: Engine, worker_id: int, shares: Shares, count: int, skip_names: Sequence[str] = ()
) -> list[Claim]:
    """Claim up to `count` tasks for a child: each queue its share, then whatever is there.

    One statement; a second one only where a queue did not fill its share and there are others.
    """
    wanted = shares.divide(count)
    if not wanted:
        return []
    claims = engine.claim(worker_id, wanted, skip_names)
    missing = count - len(claims)
    if missing and len(shares.weights) > 1:
        taken = {queue: sum(claim.queue == queue for claim in claims) for queue, _ in wanted}
        empty = {queue for queue, share in wanted if taken[queue] < share}
        for queue in (
            queue for queue, _ in shares.divide(len(shares.weights)) if queue not in empty
        ):
            more = engine.claim(worker_id, [(queue, missing)], skip_names)
            claims += more
            missing -= len(more)
            if not missing:
                break
    return claims
