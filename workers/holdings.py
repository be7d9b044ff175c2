"""Holdings: the claims that a child holds, as it knows them, squared with the record where the two may differ."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence

from django.utils import timezone

from taskhub.engines import get_engine
from taskhub.engines.rows import Claim, Ending
from taskhub.queue import finish
from taskhub.queue.ladder import held_claims
from taskhub.states import TaskState
from workers.bell import WORK
from workers.board import Board, Child
from workers.persistence import Persistence
from workers.tray import Token

logger = logging.getLogger("taskhub.worker")

_LOST_AFTER = 2.0  # seconds; a claim changes hands in microseconds


class Holdings:
    """Kept by the control thread. Who takes a claim out of it, one of those who run tasks, has it."""

    def __init__(self, board: Board, child: Child, name: str, persistence: Persistence) -> None:
        self._board, self._child = board, child
        self._name, self._persistence = name, persistence
        self._ready: dict[Token, Claim] = {}  # what the tokens on the tray stand for
        self._out: set[Token] = set()
        self._settled = self._signs
        self._missing_since: float | None = None

    def __len__(self) -> int:
        """Return how many claims have not come back: waiting, running, or ended and not recorded."""
        return len(self._out)

    def take(self, token: Token) -> Claim | None:
        """Return what a token stands for; None where it has been given back. Any thread may call this."""
        return self._ready.pop(token, None)

    def put(self, claims: Sequence[Claim]) -> None:
        """Lay claims on the tray, in their order."""
        if claims:
            tokens = [claim.fence for claim in claims]
            self._ready.update(zip(tokens, claims, strict=True))
            self._out.update(tokens)
            self._child.moved_at = time.monotonic_ns()
            self._child.tray.put(tokens)

    def ended(self, tokens: Iterable[Token]) -> None:
        """Take note that these claims have ended, on record or about to be."""
        self._out.difference_update(tokens)

    def give_back(self) -> None:
        """Return what has not started to its queue, and let the other children look for it."""
        if tokens := self._child.tray.take_all():
            self._forget(tokens)
            self._persistence.trying(lambda: self.release(tokens))
            self._board.ring_all(WORK, but=self._child)

    def release(self, tokens: Iterable[Token]) -> None:
        """Give back claims that are not held here any more."""
        release(self._child.worker_id, self._name, tokens)

    def _forget(self, tokens: Iterable[Token]) -> None:
        for token in tokens:
            self._ready.pop(token, None)
            self._out.discard(token)

    # -- doubt ------------------------------------------------------------------------------------------------------

    @property
    def _signs(self) -> tuple[int, int]:
        """What moves when the record may differ: connections that were lost, and what maintenance has given back."""
        return self._persistence.troubles, self._child.given_back

    def settle_if_unsure(self) -> None:
        """Ask the record what is held, where a claim's answer may be lost or maintenance has taken claims off."""
        if self._signs != self._settled:
            self._persistence.trying(self._settle)

    def _settle(self) -> None:
        """Give back what nobody here knows of, and forget what is ours no more and has not started."""
        signs = self._signs
        held = set(held_claims(self._child.worker_id))
        if strangers := sorted(held - self._out):
            self.release(strangers)
        for token in self._out - held:
            if self._ready.pop(token, None) is not None:  # else it runs, or has ended
                self._out.discard(token)
        self._settled = signs

    def look_for_lost(self, visible: int) -> None:
        """Miss claims that are neither on the tray nor `visible` elsewhere: maintenance died with them in its hands."""
        missing, now = len(self) - len(self._child.tray) - visible, time.monotonic()
        if missing <= 0:
            self._missing_since = None
        elif self._missing_since is None:
            self._missing_since = now
        elif now - self._missing_since > _LOST_AFTER:
            self._missing_since = None
            self._give_back_lost()

    def _give_back_lost(self) -> None:
        there = self._child.tray.take_all()
        lost = [token for token in list(self._ready) if token not in set(there)]
        lost = [token for token in lost if self._ready.pop(token, None) is not None]
        self._child.tray.put(there)
        self._out.difference_update(lost)
        if lost:
            logger.error("%d claims are missing and are given back.", len(lost))
            self._persistence.trying(lambda: self.release(lost))


def release(worker_id: int, worker_name: str, tokens: Iterable[Token]) -> None:
    """Give claims back that user code never saw, as if they had not been made."""
    now = timezone.now()
    endings = [
        Ending(task_id, claim_no, TaskState.QUEUED, now, now, is_attempt_spent=False)
        for task_id, claim_no in tokens
    ]
    finish(get_engine(), worker_id, worker_name, endings)
