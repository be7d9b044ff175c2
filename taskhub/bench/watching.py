"""Watching: what an idle worker costs, and how soon it starts what comes."""

from __future__ import annotations

import time
from dataclasses import dataclass

from taskhub.bench import footprint
from taskhub.bench.draining import START, are_over
from taskhub.bench.figures import NOT_HERE, Figure
from taskhub.bench.options import BenchOptions
from taskhub.bench.runner import Runner
from taskhub.bench.statistics import percentile
from taskhub.engines import get_engine, measuring, queue_alias
from taskhub.models import Result
from taskhub.queue.kept_values import get_values

_BEFORE = 5.0  # seconds that the database is watched without a worker
_SETTLE = 1.0  # seconds after the first task until a worker counts as idle
_PER_SECOND = 20
_COMES_IN = 10.0  # seconds that the last tasks may take


def measure_watching(options: BenchOptions) -> list[Figure]:
    """Start a worker and let it idle for twice `seconds`, then give it 20 tasks a second for `seconds`."""
    from taskhub.bench.tasks import note_start

    figures: list[Figure] = []
    is_idle, is_pickup = ("idle" in options.measures), ("pickup" in options.measures)
    before = _work_done(min(_BEFORE, options.seconds / 2)) if is_idle else None
    with Runner(options.database, options.worker_arguments) as worker:
        first = [int(note_start.enqueue().id)]
        worker.wait_for(lambda: are_over(first), "its first task ended", START)
        time.sleep(_SETTLE)
        if is_idle:
            figures += _idle(worker, options.seconds * 2, before)
        if is_pickup:
            figures += _pickup(worker, options.seconds)
    return figures


# -- pickup ---------------------------------------------------------------------------------------------------------


def _pickup(worker: Runner, seconds: float) -> list[Figure]:
    from taskhub.bench.tasks import note_start

    sent: dict[int, float] = {}
    began = time.monotonic()
    for number in range(max(5, int(seconds * _PER_SECOND))):
        time.sleep(max(0.0, began + number / _PER_SECOND - time.monotonic()))
        at = time.time()
        sent[int(note_start.enqueue().id)] = at
    last = [max(sent)]
    worker.wait_for(lambda: are_over(last), "the last of the single tasks ended", _COMES_IN)
    starts = worker.wait_for(lambda: _starts(sent), "all of the single tasks ended", _COMES_IN)
    waits = [(starts[task_id] - at) * 1000 for task_id, at in sent.items()]
    what = f"pickup by an idle worker, {_PER_SECOND} tasks/s"
    return [
        Figure(key="pickup_p50", label=f"{what}: half within", value=percentile(waits, 0.5), unit="ms"),
        Figure(key="pickup_p99", label="… 99 % within", value=percentile(waits, 0.99), unit="ms"),
        Figure(key="pickup_max", label="… all within", value=max(waits), unit="ms"),
    ]  # fmt: skip


def _starts(sent: dict[int, float]) -> dict[int, float]:
    """Return when each task started, or nothing while some are not over."""
    rows = Result.objects.using(queue_alias()).filter(task_id__in=sent, outcome="succeeded")
    if rows.count() < len(sent):
        return {}
    values = get_values(rows.values_list("task_id", "claim_no", "value"))
    return {task_id: float(at or 0) for task_id, at in values.items()}


# -- idle -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Work:
    """What the database did for all its clients."""

    what: str
    per_second: float


def _idle(worker: Runner, seconds: float, before: _Work | None) -> list[Figure]:
    family = footprint.family(worker.pid) if footprint.is_told() else []
    cpu = footprint.cpu_seconds(family)
    work = _work_done(seconds)
    cpu = (footprint.cpu_seconds(family) - cpu) / seconds * 100
    note = "" if family else NOT_HERE
    return [
        _statements(before, work),
        Figure(key="idle_cpu", label="… CPU", value=cpu if family else None, unit="%", note=note),
        Figure(
            key="idle_pss", label=f"… memory (PSS) of {len(family)} processes",
            value=footprint.pss_bytes(family) / 2**20 if family else None, unit="MiB", note=note,
        ),
    ]  # fmt: skip


def _statements(before: _Work | None, work: _Work | None) -> Figure:
    what, value, note = "statements", None, NOT_HERE
    if before and work:
        what, value, note = work.what, max(0.0, work.per_second - before.per_second), ""
        if before.per_second >= 1:
            note = f"others: {before.per_second:.0f}/s, taken off"
    return Figure(
        key="idle_statements", label=f"idle worker: {what}", value=value, unit="/s", note=note
    )


def _work_done(seconds: float) -> _Work | None:
    """Wait so long, and return what the database did meanwhile, our asking left out."""
    engine = get_engine()
    engine.connection.close()  # PostgreSQL counts late what a session has done, but not later than its end
    first = measuring.work_done(engine)
    time.sleep(seconds)
    second = measuring.work_done(engine)
    if first is None or second is None:
        return None
    return _Work(second.what, max(0, second.number - first.number - first.cost) / seconds)
