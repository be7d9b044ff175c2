"""Buckets: tokens that come at a rate; each start costs one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from taskhub import rates
from taskhub.engines import Engine
from taskhub.models import RateBucket
from taskhub.queue.transition import tasks
from taskhub.rates import Rate


def take_tokens(
    engine: Engine, key: str, wanted: int, rate: Rate | None = None, *, like: int | None = None
) -> int:
    """Take up to `wanted` tokens of a bucket and return how many; its row stays locked until the transaction ends.

    A `rate` is the bucket's from now on. Where there is no bucket and no rate is given, it is that of the task `like`;
    where that has none either, nothing is limited.
    """
    bucket = _locked(engine, key, rate, like)
    if bucket is None:
        return wanted
    now = engine.now()
    tokens = filled(bucket, now)
    granted = min(wanted, int(tokens))
    _buckets(engine).filter(key=key).update(tokens=tokens - granted, updated_at=now)
    return granted


def give_tokens(engine: Engine, key: str, count: int) -> None:
    """Give back tokens that were taken in this transaction and not needed."""
    bucket = _buckets(engine).filter(key=key).first()
    if bucket is not None:
        tokens = min(float(bucket.capacity), bucket.tokens + count)
        _buckets(engine).filter(key=key).update(tokens=tokens)


def set_rate(engine: Engine, key: str, rate: Rate) -> None:
    """Let the tokens of a bucket come at this rate from now on."""
    if not _buckets(engine).filter(key=key, **_columns(rate)).exists():
        with transaction.atomic(engine.alias):
            _locked(engine, key, rate, None)


def make_bucket(engine: Engine, key: str, rate: Rate) -> None:
    """Make the bucket where it is missing, full."""
    if not _buckets(engine).filter(key=key).exists():
        row = RateBucket(key=key, tokens=rate.capacity, updated_at=engine.now(), **_columns(rate))
        _buckets(engine).bulk_create([row], ignore_conflicts=True)


def filled(bucket: RateBucket, now: datetime) -> float:
    """Return how many tokens a bucket holds now."""
    seconds = max(0.0, (now - bucket.updated_at).total_seconds())
    return min(float(bucket.capacity), bucket.tokens + seconds * bucket.capacity / bucket.per)


def seconds_to_token(bucket: RateBucket, now: datetime) -> float:
    """Return how long it takes until a bucket holds a whole token."""
    return max(0.0, 1.0 - filled(bucket, now)) * bucket.per / bucket.capacity


def _locked(engine: Engine, key: str, rate: Rate | None, like: int | None) -> RateBucket | None:
    while True:
        bucket = _buckets(engine).filter(key=key).select_for_update().first()
        if bucket is None:
            wanted = rate or _rate_of(like)
            if wanted is None:
                return None
            make_bucket(engine, key, wanted)
            continue
        if rate is not None and _columns(rate) != {"capacity": bucket.capacity, "per": bucket.per}:
            _change(engine, bucket, rate)
        return bucket


def _change(engine: Engine, bucket: RateBucket, rate: Rate) -> None:
    """Let tokens come at another rate from now on; what has come at the old one is kept as far as it fits."""
    now = engine.now()
    bucket.tokens = min(float(rate.capacity), filled(bucket, now))
    bucket.capacity, bucket.per, bucket.updated_at = rate.capacity, rate.fill_seconds, now
    bucket.save(using=engine.alias, update_fields=["tokens", "capacity", "per", "updated_at"])


def _columns(rate: Rate) -> Mapping[str, Any]:
    return {"capacity": rate.capacity, "per": rate.fill_seconds}


def _rate_of(task_id: int | None) -> Rate | None:
    """Return the rate that a task was enqueued with."""
    options = tasks().filter(id=task_id or 0).values_list("options", flat=True).first()
    text = options.get("rate_limit") if isinstance(options, dict) else None
    return rates.parse(text) if rates.is_rate(text) else None


def _buckets(engine: Engine) -> QuerySet[RateBucket]:
    return RateBucket.objects.using(engine.alias)
