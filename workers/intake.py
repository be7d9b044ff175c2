"""Intake: claims tasks for a child ahead of its need, and gives back what would wait too long."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from django.utils import timezone

from taskhub import registry
from taskhub.engines import get_engine
from taskhub.engines.rows import Claim, Ending, Skip
from taskhub.queue import finish
from taskhub.queue.claim import claim
from taskhub.queue.ladder import held_claims
from taskhub.states import TaskState
from workers.board import Child
from workers.options import WorkerOptions
from workers.persistence import Persistence
from workers.pools import skipped
from workers.prefetch import STUCK_AFTER, Prefetch
from workers.sharing import KnownQueues
from workers.tray import Token

logger = logging.getLogger("taskhub.worker")

_LOST_AFTER = 2.0  # seconds; a claim changes hands in microseconds


class Intake:
    """Keeps a child's tray filled. Used by the control thread; runners take out of `claims` what a token stands for."""

    def __init__(
        self, options: WorkerOptions, child: Child, name: str, persistence: Persistence
    ) -> None:
        self.claims: dict[Token, Claim] = {}
        self.queues = KnownQueues(options.queues)
        self.prefetch = Prefetch(len(child.slots))
        self._child, self._name, self._persistence = child, name, persistence
        self._skipped_pools = skipped(child.kind, options)
        self._unknown: set[str] = set()
        self._most = options.max_tasks_per_child
        self._claimed = self._returned = self._ended = self._troubles = 0
        self._missing_since: float | None = None
        self._is_careful = False  # tasks with a loss on their record are about: one at a time

    @property
    def out(self) -> int:
        """Claims that have not come back: waiting, running, or ended and not recorded."""
        return self._claimed - self._returned - self._child.given_back

    @property
    def is_used_up(self) -> bool:
        """The child has run as many tasks as it may."""
        return 0 < self._most <= self._ended

    def ended(self, count: int) -> None:
        """Take note that so many claims have ended."""
        self._ended += count
        self._returned += count

    # -- claim ------------------------------------------------------------------------------------------------------

    def fill(self, *, taken: int = 0) -> None:
        """Claim as many as there is room for, `taken` slots left out; give back what has waited too long."""
        child, out, waiting = self._child, self.out, len(self._child.tray)
        if not out:
            self.claims.clear()  # left over of what maintenance gave back
        unmoved = (time.monotonic_ns() - child.moved_at) / 1e9
        if waiting and unmoved > STUCK_AFTER:
            self.give_back()
            return
        count = self._room(out, taken, waiting, unmoved)
        if not count:
            return
        claims = self._leave_strange(self._persistence.trying(lambda: self._claim(count)))
        self._put(self._leave_risky(claims, out))
        if self.out:
            child.empty_claims = 0 if claims else child.empty_claims
        else:
            child.empty_claims += 1

    def _room(self, out: int, taken: int, waiting: int, unmoved: float) -> int:
        if self._is_careful or self._is_unsure:
            return 0 if out or taken else 1
        room = self.prefetch.room(out + taken, waiting, unmoved)
        return min(room, max(0, self._most - self._ended - out)) if self._most else room

    def _claim(self, count: int) -> list[Claim]:
        self._release_forgotten()
        self.queues.refresh_if_due()
        skip = Skip(sorted(self._unknown), self._skipped_pools)
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
        self._persistence.trying(lambda: self._release(item.fence for item in strange))
        return [item for item in claims if registry.find(item.name)]

    # -- doubt ------------------------------------------------------------------------------------------------------

    @property
    def _is_unsure(self) -> bool:
        """A connection was lost, after a claim perhaps whose answer never came; or maintenance has taken claims off."""
        return self._troubles != self._persistence.troubles + self._child.given_back

    def _release_forgotten(self) -> None:
        """Give back what is held on record, at a moment when nothing is."""
        if self._is_unsure and not self.out:
            seen = self._persistence.troubles + self._child.given_back
            self._release(held_claims(self._child.worker_id))
            self._troubles = seen

    def look_for_lost(self, visible: int) -> None:
        """Miss claims that are neither on the tray nor `visible` elsewhere: maintenance died with them in its hands."""
        missing, now = self.out - len(self._child.tray) - visible, time.monotonic()
        if missing <= 0:
            self._missing_since = None
        elif self._missing_since is None:
            self._missing_since = now
        elif now - self._missing_since > _LOST_AFTER:
            logger.error("%d claims are missing and are given back.", missing)
            self._returned += missing
            self._troubles -= 1  # in doubt, until nothing is out
            self._missing_since = None

    def _put(self, claims: list[Claim]) -> None:
        if claims:
            self._claimed += len(claims)
            self.claims |= {item.fence: item for item in claims}
            self._child.moved_at = time.monotonic_ns()
            self._child.tray.put([item.fence for item in claims])

    def _leave_risky(self, claims: list[Claim], out: int) -> list[Claim]:
        """Give back tasks that may have killed a worker, unless such a one is all that this child will hold."""
        risky = [item for item in claims if item.losses]
        if not risky or (not out and len(claims) == 1):
            self._is_careful = self._is_careful and bool(risky)
            return claims
        self._is_careful = True
        self._persistence.trying(lambda: self._release(item.fence for item in risky))
        return [item for item in claims if not item.losses]

    # -- give back --------------------------------------------------------------------------------------------------

    def give_back(self) -> None:
        """Return what has not started to its queue."""
        if tokens := self._child.tray.take_all():
            self._returned += len(tokens)
            self._persistence.trying(lambda: self._release(tokens))

    def _release(self, tokens: Iterable[Token]) -> None:
        release(self._child.worker_id, self._name, tokens)


def release(worker_id: int, worker_name: str, tokens: Iterable[Token]) -> None:
    """Give claims back that user code never saw, as if they had not been made."""
    now = timezone.now()
    endings = [
        Ending(task_id, claim_no, TaskState.QUEUED, now, now, is_attempt_spent=False)
        for task_id, claim_no in tokens
    ]
    finish(get_engine(), worker_id, worker_name, endings)
