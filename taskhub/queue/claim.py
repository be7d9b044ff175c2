"""Claim: share what a worker may take among its queues, by their weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import partial

from django.db.utils import Error

from taskhub.engines import Engine
from taskhub.engines.rows import NOTHING, Claim, Skip
from taskhub.queue.pacing import paced


class Shares:
    """Smooth weighted round-robin: over time each queue gets its weight's share of the slots, in small steps."""

    def __init__(self, weights: Mapping[str, int]) -> None:
        self.weights = dict(weights)
        self._credit = dict.fromkeys(weights, 0)
        self._dry: set[str] = set()  # gave less than they were asked for the last time
        self.seconds_to_token: float | None = (
            None  # until more may start of a limited queue that has tasks
        )

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
        # In a round of `total` slots each queue gets its weight, and all credits are as before.
        rounds = max(0, count // total - 1) if total else 0
        for _ in range(count - rounds * total if total else 0):
            for queue, weight in weights.items():
                self._credit[queue] += weight
            best = max(weights, key=self._credit.__getitem__)
            self._credit[best] -= total
            shares[best] = shares.get(best, 0) + 1
        for queue, weight in weights.items() if rounds else ():
            shares[queue] = shares.get(queue, 0) + rounds * weight
        return list(shares.items())

    def divide_first(self, count: int) -> tuple[list[tuple[str, int]], int]:
        """Return how many of `count` slots each queue gets at first, and how many of these are mere probes.

        A queue that was found dry is asked for one task, until it gives that: what it leaves of a whole share would
        cost another statement. Where slots are few it gets its share.
        """
        dry = [name for name in self.weights if name in self._dry]
        if not 0 < len(dry) < len(self.weights) or count < 2 * len(dry):
            return self.divide(count), 0
        return [*self.divide(count - len(dry), without=dry), *((name, 1) for name in dry)], len(dry)

    def note_dry(self, wanted: Iterable[tuple[str, int]], taken: Mapping[str, int]) -> None:
        """Remember which queues gave less than was wanted of them."""
        for queue, share in wanted:
            if taken.get(queue, 0) < share:
                self._dry.add(queue)
            else:
                self._dry.discard(queue)

    @property
    def queues(self) -> list[str]:
        return list(self.weights)


def claim(
    engine: Engine, worker_id: int, shares: Shares, count: int, skip: Skip = NOTHING
) -> list[Claim]:
    """Claim up to `count` tasks for a child: each queue its share, then whatever is there.

    One statement; more only where a queue did not fill its share and others have tasks, or where starts are limited.
    """
    claims: list[Claim] = []
    pace = paced(engine, shares.queues)
    empty: set[str] = set()
    try:
        wanted, probes = shares.divide_first(count)
        while wanted:
            taker = engine.claim if pace is None else partial(pace.claim, engine)
            claimed = taker(worker_id, wanted, skip)
            claims += claimed
            taken = Counter(claim.queue for claim in claimed)
            shares.note_dry(wanted, taken)
            if count - len(claims) <= probes:
                break
            empty |= {queue for queue, share in wanted if taken[queue] < share}
            others = [queue for queue in shares.queues if queue not in empty]
            if empty and not engine.is_claimable(others, skip):
                break
            wanted = shares.divide(count - len(claims), without=empty)
    except Error:
        if not claims:  # else they are ours and must not be forgotten
            raise
    shares.seconds_to_token = None if pace is None else pace.seconds
    return claims
