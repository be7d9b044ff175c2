"""Bench: measures what was asked for, one after the other, and removes what that has written."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from django.db import connections
from django.db.utils import Error

from taskhub.bench import cleanup, guard, interruption
from taskhub.bench.admission import admitted
from taskhub.bench.draining import measure_drain
from taskhub.bench.enqueueing import measure_bulk, measure_floor, measure_one_by_one
from taskhub.bench.figures import BenchFailed, Figure
from taskhub.bench.growing import measure_growth
from taskhub.bench.machine import Machine, describe
from taskhub.bench.options import BenchOptions
from taskhub.bench.pooling import measure_pools
from taskhub.bench.watching import measure_watching
from taskhub.engines import get_engine

Say = Callable[[str], object]


def run(options: BenchOptions, say: Say) -> tuple[Machine, list[Figure]]:
    """Measure, and leave the database as it was; `say` prints a line about what goes on.

    Raises:
        BenchFailed: nothing could be measured, or not all of it.
        KeyboardInterrupt: somebody stopped it.
    """
    with admitted(options.database):
        guard.check_workers()
        importlib.import_module("taskhub.bench.tasks")
        try:
            with interruption.raising(), _cleaned_up(options.database, say):
                return describe(), list(_measure(options, say))
        except Error as error:
            raise BenchFailed(f"The database refused: {str(error).strip()}") from error


def _measure(options: BenchOptions, say: Say) -> Iterator[Figure]:
    chosen = options.measures
    say("Enqueueing")
    first = measure_one_by_one(options) if "enqueue" in chosen else measure_floor(options)
    yield from first
    [floor] = [figure.value or 0.0 for figure in first if figure.key == "floor"]
    if "many" in chosen:
        yield from measure_bulk(options, floor)
    if "drain" in chosen:
        say("Draining")
        yield from measure_drain(options, floor)
    if "idle" in chosen or "pickup" in chosen:
        say("Watching a worker that has little to do")
        yield from measure_watching(options)
    if "pools" in chosen:
        say("Filling threads and coroutines")
        yield from measure_pools(options)
    if "growth" in chosen:
        say("Draining beside more and more rows")
        yield from measure_growth(options)


@contextmanager
def _cleaned_up(database: str, say: Say) -> Iterator[None]:
    try:
        cleanup.begin(get_engine())
        yield
    finally:
        # Whatever was interrupted on this connection is rolled back with it.
        with suppress(Error):
            connections[database].close()
        with interruption.holding(lambda: say("Wait: its rows are being removed")):
            say("Removing its rows")
            cleanup.end(get_engine())
