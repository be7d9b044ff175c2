"""Series: what was measured, as points over time."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil

from taskhub.engines import get_engine
from taskhub.engines.metrics import measured
from taskhub.metrics import histogram
from taskhub.metrics.histogram import quantile
from taskhub.metrics.tally import DAY, HOUR, MINUTE, floor, moment

MOST_POINTS = 20_000


@dataclass(frozen=True, slots=True)
class Point:
    """The attempts that ended within one span from `start_at`. Durations are seconds; None where nothing ended."""

    start_at: datetime
    counts: Mapping[str, int] = field(default_factory=dict)  # by outcome
    queues: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # the same of each queue
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
    starts = spans_of(since, until, seconds)
    spans = _read(starts, queue, name)
    return [
        spans[start].point(start) if start in spans else Point(moment(start)) for start in starts
    ]


def spans_of(since: datetime, until: datetime | None, seconds: int) -> range:
    """Return when the spans of a series begin, in seconds since 1970; raises as `series` does."""
    if seconds < MINUTE or seconds % MINUTE:
        raise ValueError(f"seconds is {seconds!r}; expected 60 or a multiple of it.")
    until = until or get_engine().now()
    starts = range(floor(int(since.timestamp()), seconds), ceil(until.timestamp()), seconds)
    if len(starts) > MOST_POINTS:
        raise ValueError(
            f"{len(starts)} points of {seconds} s from {since:%Y-%m-%d %H:%M}; expected {MOST_POINTS} at most: "
            "ask for longer spans or a later beginning."
        )
    return starts


def stored_in(seconds: int) -> int:
    """Return the longest of the spans that are kept of which spans of `seconds` are made."""
    return next(span for span in (DAY, HOUR, MINUTE) if seconds % span == 0)


class _Span:
    """What the rows of one span come to: attempts by outcome, all and of each queue, and the histograms as stored."""

    __slots__ = ("counts", "queues", "runs", "waits")

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.queues: dict[str, dict[str, int]] = {}
        self.waits: list[str] = []
        self.runs: list[str] = []

    def point(self, start: int) -> Point:
        waits, runs = _sum(self.waits), _sum(self.runs)
        return Point(
            moment(start), self.counts, self.queues, quantile(waits, 0.5), quantile(waits, 0.95),
            quantile(runs, 0.5), quantile(runs, 0.95),
        )  # fmt: skip


def _read(starts: range, queue: str | None, name: str | None) -> dict[int, _Span]:
    """Return what was measured in each span."""
    seconds = starts.step
    stored = stored_in(seconds)
    engine, since, until = get_engine(), moment(starts.start), moment(starts.stop)
    spans: defaultdict[int, _Span] = defaultdict(_Span)
    for at, of_queue, outcome, count, waits, runs in measured(
        engine, since, until, stored, queue, name
    ):
        span = spans[floor(at, seconds)]
        for counts in (span.counts, span.queues.setdefault(of_queue, {})):
            counts[outcome] = counts.get(outcome, 0) + count
        span.waits.append(waits)
        span.runs.append(runs)
    return spans


def _sum(stored: Sequence[str]) -> list[int]:
    """Add histograms up; their JSON is read at once, as there are thousands of them."""
    total = histogram.empty()
    for one in json.loads(f"[{','.join(stored)}]"):
        histogram.add_json(total, one)
    return total
