"""Intake: claims tasks for a child ahead of its need, and gives back what would wait too long."""

from __future__ import annotations

import logging
import time

from taskhub import registry
from taskhub.engines import get_engine
from taskhub.engines.rows import Claim, Skip
from taskhub.queue.claim import claim
from workers.board import Board, Child
from workers.caution import Caution
from workers.holdings import Holdings
from workers.options import WorkerOptions
from workers.outbox import Done
from workers.persistence import Persistence
from workers.pools import EVERY_POOL, left_to_executors, skipped
from workers.prefetch import STUCK_AFTER, Prefetch
from workers.sharing import KnownQueues

logger = logging.getLogger("taskhub.worker")


class Intake:
    """Keeps a child's tray filled. Used by the control thread."""

    def __init__(
        self,
        options: WorkerOptions,
        board: Board,
        child: Child,
        name: str,
        persistence: Persistence,
    ) -> None:
        self.holdings = Holdings(board, child, name, persistence)
        self.queues = KnownQueues(options.queues)
        self._prefetch = Prefetch(len(child.slots))
        self._child, self._persistence = child, persistence
        self._skipped_pools = skipped(child.kind, options)
        self._left_risky = left_to_executors(child.kind, options)
        self._unknown: set[str] = set()
        self._most = options.max_tasks_per_child
        self._ended = 0
        self._caution = Caution(len(child.slots))

    @property
    def is_used_up(self) -> bool:
        """The child has run as many tasks as it may."""
        return 0 < self._most <= self._ended

    @property
    def patience(self) -> float:
        """For how many seconds outcomes may wait to be recorded while there is more to run."""
        return self._prefetch.patience

    def is_low(self) -> bool:
        """Tell whether few claims lie ready; any thread may ask."""
        return len(self._child.tray) <= self._prefetch.low

    def ended(self, ends: list[Done]) -> None:
        """Take note that these claims have ended."""
        self._ended += len(ends)
        self.holdings.ended(done.ending.fence for done in ends)
        for done in ends:
            self._prefetch.learn(done.ending.seconds)

    def fill(self, *, taken: int = 0) -> None:
        """Claim as many as there is room for, `taken` slots left out; give back what has waited too long."""
        while self._fill(taken):
            pass

    def _fill(self, taken: int) -> bool:
        """Claim once; tell whether to do so again at once, for another kind of tasks."""
        child, out, waiting = self._child, len(self.holdings), len(self._child.tray)
        unmoved = (time.monotonic_ns() - child.moved_at) / 1e9
        if waiting and unmoved > STUCK_AFTER:
            self.holdings.give_back()
            return False
        count = self._room(out, taken, waiting, unmoved)
        if not count:
            return False
        # While a claim is under way nobody may take this child for idle: what another has just made ready may be in it.
        before, child.empty_claims = child.empty_claims, 0
        claims = self._persistence.trying(lambda: self._claim(count))
        self.holdings.put(self._leave_risky(self._leave_strange(claims), out))
        if self.holdings:
            return False
        if not claims and self._caution.is_shunning and not taken:
            self._caution.stop_shunning()
            return True
        if self.queues.shares.seconds_to_token is None:  # else there is work, and it may start soon
            child.empty_claims = before + (not claims)
        return bool(claims)

    def _room(self, out: int, taken: int, waiting: int, unmoved: float) -> int:
        most = self._caution.room(out + taken)
        if most is not None:
            return most
        room = self._prefetch.room(out + taken, waiting, unmoved)
        return min(room, max(0, self._most - self._ended - out)) if self._most else room

    def _claim(self, count: int) -> list[Claim]:
        self.queues.refresh_if_due()
        self._unknown = {name for name in self._unknown if not registry.find(name)}
        risky = EVERY_POOL if self._caution.is_shunning else self._left_risky
        skip = Skip(sorted(self._unknown), self._skipped_pools, risky)
        return claim(get_engine(), self._child.worker_id, self.queues.shares, count, skip)

    def _leave_strange(self, claims: list[Claim]) -> list[Claim]:
        """Give back tasks whose code is not here, and leave such tasks alone from now on."""
        strange = [item for item in claims if not registry.find(item.name)]
        if not strange:
            return claims
        self._unknown |= {item.name for item in strange}
        logger.error(
            "This worker does not have the code of %s and leaves such tasks to workers that have it.",
            ", ".join(sorted({item.name for item in strange})),
        )
        self._release(strange)
        return [item for item in claims if registry.find(item.name)]

    def _leave_risky(self, claims: list[Claim], out: int) -> list[Claim]:
        """Give back tasks that may have killed a worker, unless such a one is all that this child will hold."""
        keep, risky = self._caution.split(claims, out)
        if risky:
            self._release(risky)
        return keep

    def _release(self, claims: list[Claim]) -> None:
        tokens = [item.fence for item in claims]
        self._persistence.trying(lambda: self.holdings.release(tokens))
