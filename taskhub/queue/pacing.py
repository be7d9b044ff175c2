"""Pacing: claims from queues whose starts are limited in number take tokens with the tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from django.db import transaction

from taskhub.engines import Engine
from taskhub.engines.rows import Claim, Skip
from taskhub.models import RateBucket
from taskhub.queue.buckets import give_tokens, seconds_to_token, take_tokens
from taskhub.queue.quota import queue_key, quotas
from taskhub.rates import Rate


class Paced:
    """The limited queues among those that somebody claims from. `seconds` says when the next token is due."""

    def __init__(self, rates: Mapping[str, Rate]) -> None:
        self._rates = rates
        self.seconds: float | None = None

    def claim(
        self, engine: Engine, worker_id: int, wanted: Sequence[tuple[str, int]], skip: Skip
    ) -> list[Claim]:
        """Claim as `Engine.claim` does, but no more of a limited queue than it has tokens, in one transaction."""
        limited = sorted(
            queue
            for queue, _ in wanted
            if queue in self._rates and engine.is_claimable([queue], skip)
        )
        allowed = {queue: count for queue, count in wanted if queue not in self._rates}
        shares = dict(wanted)
        with transaction.atomic(engine.alias):
            granted: dict[str, int] = {}
            for queue in limited:
                if self._has_token(engine, queue):
                    rate, key = self._rates[queue], queue_key(queue)
                    granted[queue] = take_tokens(engine, key, shares[queue], rate)
            allowed |= {queue: count for queue, count in granted.items() if count}
            asked = [(queue, allowed[queue]) for queue, _ in wanted if queue in allowed]
            claims = engine.claim(worker_id, asked, skip) if asked else []
            taken = Counter(claim.queue for claim in claims)
            for queue, count in granted.items():
                if count > taken[queue]:
                    give_tokens(engine, queue_key(queue), count - taken[queue])
        for queue in limited:
            if taken[queue] < shares[queue]:
                self._note(engine, queue)
        return claims

    def _has_token(self, engine: Engine, queue: str) -> bool:
        """Look without a lock, so that those who find nothing do not queue up for it."""
        bucket = RateBucket.objects.using(engine.alias).filter(key=queue_key(queue)).first()
        return bucket is None or seconds_to_token(bucket, engine.now()) == 0

    def _note(self, engine: Engine, queue: str) -> None:
        bucket = RateBucket.objects.using(engine.alias).filter(key=queue_key(queue)).first()
        if bucket is not None:
            seconds = max(0.01, seconds_to_token(bucket, engine.now()))
            self.seconds = seconds if self.seconds is None else min(seconds, self.seconds)


def paced(engine: Engine, queues: Sequence[str]) -> Paced | None:
    """Return the limited queues among these; None where there are none, as nearly everywhere."""
    known = quotas(engine)
    if not known:
        return None
    rates = {queue: rate for queue in queues if queue in known and (rate := known[queue].rate)}
    return Paced(rates) if rates else None
