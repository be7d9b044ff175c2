"""Pooling: how close one process comes to running as many waiting tasks at a time as it was told to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskhub.bench.draining import drain, enqueue
from taskhub.bench.figures import Figure
from taskhub.bench.options import BenchOptions

if TYPE_CHECKING:
    from taskhub.definition import TaskDefinition

_THREADS, _SLEEP = 20, 0.02  # seconds
_COROUTINES, _PAUSE = 200, 0.05


def measure_pools(options: BenchOptions) -> list[Figure]:
    from taskhub.bench.tasks import pause, sleep

    return [
        _pool(options, "threads", sleep, _THREADS, _SLEEP, "sleep"),
        _pool(options, "async", pause, _COROUTINES, _PAUSE, "await"),
    ]


def _pool(
    options: BenchOptions, kind: str, definition: TaskDefinition, slots: int, wait: float, verb: str
) -> Figure:
    """Run what the pool could do at best in `seconds`."""
    ideal = slots / wait
    ids = enqueue(definition, max(5 * slots, int(ideal * options.seconds)), (wait,))
    rate = drain(options.database, [f"--{kind}", str(slots)], ids)
    return Figure(
        key=f"pool_{kind}", label=f"one process, --{kind} {slots}, tasks that {verb} {wait * 1000:.0f} ms",
        value=rate, unit="tasks/s", ratio=rate / ideal, ratio_to="ideal",
    )  # fmt: skip
