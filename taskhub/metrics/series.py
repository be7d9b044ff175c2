"""Series: what was measured, as points over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil

from django.db.models import Q

from taskhub.engines import get_engine
from taskhub.metrics.histogram import quantile
from taskhub.metrics.tally import DAY, HOUR, MINUTE, Tally, floor, moment
from taskhub.models import MetricBucket

MOST_POINTS = 20_000


@dataclass(frozen=True, slots=True)
class Point:
    """The attempts that ended within one span from `start_at`. Durations are seconds; None where nothing ended."""

    start_at: datetime
    counts: Mapping[str, int] = field(default_factory=dict)  # by outcome
    wait_p50: float | None = None
    wait_p95: float | None = None
    run_p50: float | None = None
    run_p95: float | None = None

    @property
    def count(self) -> int:
        return sum(self.counts.values())


def series(
    since: datetime,
    until: datetime | None = None,
    seconds: int = MINUTE,
    queue: str | None = None,
    name: str | None = None,
) -> list[Point]:
    """Return a point for each span of `seconds`, from the one that holds `since` to the last before `until` (now).

    Spans begin at multiples of `seconds`, days at midnight UTC. Whole days are read from what is kept for days, whole
    hours from what is kept for hours, others from the minutes: see TASKHUB["KEEP_METRICS"]. What a process has counted
    comes a few seconds later.

    Raises:
        ValueError: `seconds` is not made of minutes, or that would be too many points.
    """
    if seconds < MINUTE or seconds % MINUTE:
        raise ValueError(f"seconds is {seconds!r}; expected 60 or a multiple of it.")
    until = until or get_engine().now()
    starts = range(floor(int(since.timestamp()), seconds), ceil(until.timestamp()), seconds)
    if len(starts) > MOST_POINTS:
        raise ValueError(
            f"{len(starts)} points of {seconds} s from {since:%Y-%m-%d %H:%M}; expected {MOST_POINTS} at most: "
            "ask for longer spans or a later beginning."
        )
    totals, counts = _read(starts, queue, name)
    return [_point(start, counts.get(start, {}), totals.get(start)) for start in starts]


def _read(
    starts: range, queue: str | None, name: str | None
) -> tuple[dict[int, Tally], dict[int, dict[str, int]]]:
    """Return all attempts of each span, and how many there were of each outcome."""
    seconds = starts.step
    stored = next(span for span in (DAY, HOUR, MINUTE) if seconds % span == 0)
    rows = MetricBucket.objects.using(get_engine().alias).filter(
        Q(seconds=stored, writer=0) | Q(seconds=MINUTE, writer__gt=0),
        start_at__gte=moment(starts.start),
        start_at__lt=moment(starts.stop),
        **({} if queue is None else {"queue": queue}),
        **({} if name is None else {"name": name}),
    )
    totals: dict[int, Tally] = {}
    counts: dict[int, dict[str, int]] = {}
    for row in rows.iterator():
        start = floor(int(row.start_at.timestamp()), seconds)
        totals.setdefault(start, Tally()).add_row(row)
        outcomes = counts.setdefault(start, {})
        outcomes[row.outcome] = outcomes.get(row.outcome, 0) + row.count
    return totals, counts


def _point(start: int, counts: Mapping[str, int], total: Tally | None) -> Point:
    if total is None:
        return Point(moment(start))
    return Point(
        moment(start), counts, quantile(total.waits, 0.5), quantile(total.waits, 0.95),
        quantile(total.runs, 0.5), quantile(total.runs, 0.95),
    )  # fmt: skip
