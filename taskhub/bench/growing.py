"""Growing: the same drain beside more and more rows, which should make no difference."""

from __future__ import annotations

from collections.abc import Callable

from taskhub import queue
from taskhub.bench.admission import DRAINED, OTHER
from taskhub.bench.draining import drain, enqueue
from taskhub.bench.figures import Figure
from taskhub.bench.options import BenchOptions

_AT_ONCE = 10_000
_DAY = 86_400


def measure_growth(options: BenchOptions) -> list[Figure]:
    """Drain `tasks` beside nothing, then beside rows that have ended, that wait elsewhere, that are due, that queue up.

    Each kind of row comes to all the former: so nothing has to be deleted, which would slow the next drain down.
    """
    from taskhub.bench.tasks import noop

    rows = options.rows

    def fill(queue_name: str, countdown: float | None = None) -> None:
        definition = noop.using(queue_name=queue_name, countdown=countdown)
        for start in range(0, rows, _AT_ONCE):
            enqueue(definition, min(_AT_ONCE, rows - start))

    def end_many() -> None:
        fill(OTHER)
        queue.purge(OTHER, "taskhub_bench")

    def rate(behind: Callable[[], None] | None = None) -> float:
        ids = enqueue(noop, options.tasks)
        if behind:
            behind()
        return drain(options.database, options.worker_arguments, ids)

    alone = rate()
    told = f"{rows:,}"
    figures = [
        _figure("growth_alone", f"drain of {options.tasks:,}, nothing beside them", alone, None)
    ]
    end_many()
    figures.append(_figure("growth_ended", f"… beside {told} that have ended", rate(), alone))
    fill(OTHER)
    figures.append(_figure("growth_other", f"… and {told} queued elsewhere", rate(), alone))
    fill(DRAINED, countdown=_DAY)
    figures.append(_figure("growth_tomorrow", f"… and {told} due tomorrow", rate(), alone))
    backlog = rate(lambda: fill(DRAINED))
    figures.append(_figure("growth_backlog", f"… and {told} queued behind them", backlog, alone))
    return figures


def _figure(key: str, label: str, rate: float, alone: float | None) -> Figure:
    return Figure(
        key=key, label=label, value=rate, unit="tasks/s",
        ratio=None if alone is None else rate / alone, ratio_to="" if alone is None else "alone",
    )  # fmt: skip
