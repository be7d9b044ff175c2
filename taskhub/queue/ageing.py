"""Ageing: everything that tasks have behind them, and before them, lies earlier: how tests let time pass."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F

from taskhub.engines import get_engine
from taskhub.models import RateBucket, Result, Step, Task

_TIMES = {
    Task: (
        "run_after", "expires_at", "enqueued_at", "started_at", "finished_at", "unique_until", "cancel_requested_at",
        "cancel_raised_at", "cancel_killed_at",
    ),
    Result: ("started_at", "finished_at"),
    Step: ("finished_at",),
    RateBucket: ("updated_at",),
}  # fmt: skip


def age(seconds: float) -> None:
    """Move all times of all tasks `seconds` into the past, as if so much time had passed. For tests only.

    One transaction, or a savepoint in the caller's.
    """
    engine = get_engine()
    passed = timedelta(seconds=seconds)
    with transaction.atomic(engine.alias):
        for model, columns in _TIMES.items():
            earlier = {column: F(column) - passed for column in columns}
            model._default_manager.using(engine.alias).update(**earlier)
