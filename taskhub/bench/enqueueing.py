"""Enqueueing: one by one with a commit each, beside the floor, and in bulk."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from taskhub.bench.admission import ENQUEUED
from taskhub.bench.figures import Figure
from taskhub.bench.floor import bare_insert
from taskhub.bench.options import BenchOptions
from taskhub.engines import get_engine

_ROUNDS = 4
_WARM_UP = 20
_FLOOR = 1.0  # seconds, where it is measured alone


def measure_one_by_one(options: BenchOptions) -> list[Figure]:
    """Alternate with the floor in short turns, so that what else the machine does meets both."""
    from taskhub.bench.tasks import noop

    definition = noop.using(queue_name=ENQUEUED)
    with bare_insert(get_engine()) as insert:
        rates = _by_turns({"floor": insert, "enqueue": definition.enqueue}, options.seconds / 2)
    return [
        _floor(rates["floor"]),
        Figure(
            key="enqueue", label="enqueue one by one, a commit each", value=rates["enqueue"],
            unit="tasks/s", ratio=rates["enqueue"] / rates["floor"], ratio_to="floor",
        ),
    ]  # fmt: skip


def measure_floor(options: BenchOptions) -> list[Figure]:
    """Measure the floor alone, for whatever else is to be compared with it."""
    with bare_insert(get_engine()) as insert:
        return [_floor(_by_turns({"floor": insert}, min(_FLOOR, options.seconds / 4))["floor"])]


def measure_bulk(options: BenchOptions, floor: float) -> list[Figure]:
    from taskhub.bench.tasks import noop

    definition = noop.using(queue_name=ENQUEUED)
    definition.enqueue_many([((), {})] * _WARM_UP)
    calls: list[tuple[Any, Any]] = [((), {})] * options.tasks
    began = time.perf_counter()
    definition.enqueue_many(calls)
    rate = options.tasks / (time.perf_counter() - began)
    return [
        Figure(
            key="many", label=f"enqueue_many of {options.tasks:,}, one commit", value=rate,
            unit="tasks/s", ratio=rate / floor, ratio_to="floor",
        )
    ]  # fmt: skip


def _floor(rate: float) -> Figure:
    return Figure(
        key="floor", label="floor: bare INSERTs, a commit each", value=rate, unit="rows/s"
    )


def _by_turns(verbs: Mapping[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """Return how often a second each can be called; each is, for `seconds` in all."""
    done = dict.fromkeys(verbs, 0)
    took = dict.fromkeys(verbs, 0.0)
    for verb in verbs.values():
        for _ in range(_WARM_UP):
            verb()
    for _ in range(_ROUNDS):
        for name, verb in verbs.items():
            began = time.perf_counter()
            end = began + seconds / _ROUNDS
            while time.perf_counter() < end:
                verb()
                done[name] += 1
            took[name] += time.perf_counter() - began
    return {name: done[name] / took[name] for name in verbs}
