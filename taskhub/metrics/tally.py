"""Tally: what is counted of attempts that are alike, in memory and as rows of MetricBucket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from taskhub.engines import Engine
from taskhub.engines.metrics import overwrite
from taskhub.metrics import histogram
from taskhub.models import MetricBucket

MINUTE, HOUR, DAY = 60, 3600, 86_400
_ROWS_PER_STATEMENT = 500


class Key(NamedTuple):
    """What attempts have in common that are counted together; `start` is in seconds since 1970, UTC."""

    start: int
    queue: str
    name: str
    outcome: str


@dataclass(slots=True)
class Tally:
    """How many attempts, how long they waited and how long they ran: sums in seconds, and histograms."""

    count: int = 0
    wait_seconds: float = 0.0
    run_seconds: float = 0.0
    waits: list[int] = field(default_factory=histogram.empty)
    runs: list[int] = field(default_factory=histogram.empty)

    def add(self, other: Tally) -> None:
        self.count += other.count
        self.wait_seconds += other.wait_seconds
        self.run_seconds += other.run_seconds
        self.waits = [a + b for a, b in zip(self.waits, other.waits, strict=True)]
        self.runs = [a + b for a, b in zip(self.runs, other.runs, strict=True)]

    def add_row(self, row: MetricBucket) -> None:
        self.count += row.count
        self.wait_seconds += row.wait_seconds
        self.run_seconds += row.run_seconds
        histogram.add_json(self.waits, row.waits)
        histogram.add_json(self.runs, row.runs)

    def write_to(self, row: MetricBucket) -> MetricBucket:
        row.count = self.count
        row.wait_seconds, row.run_seconds = self.wait_seconds, self.run_seconds
        row.waits, row.runs = histogram.to_json(self.waits), histogram.to_json(self.runs)
        return row


def floor(start: int, seconds: int) -> int:
    """Return where the span of `seconds` begins in which a time lies; days are those of UTC."""
    return start - start % seconds


def moment(start: int) -> datetime:
    return datetime.fromtimestamp(start, UTC)


def key_of(row: MetricBucket, seconds: int) -> Key:
    """Return the key of a row in spans of `seconds`."""
    return Key(floor(int(row.start_at.timestamp()), seconds), row.queue, row.name, row.outcome)


def grouped(rows: Iterable[MetricBucket], seconds: int) -> dict[Key, Tally]:
    """Add rows up by spans of `seconds`."""
    tallies: dict[Key, Tally] = {}
    for row in rows:
        tallies.setdefault(key_of(row, seconds), Tally()).add_row(row)
    return tallies


def add_to_rows(engine: Engine, writer: int, seconds: int, tallies: Mapping[Key, Tally]) -> None:
    """Add tallies to the rows of a writer; they are not changed. The caller's transaction holds the writer's lock."""
    totals = _without_padding(tallies)
    columns = {"writer": writer, "seconds": seconds}
    rows = MetricBucket.objects.using(engine.alias).filter(
        **columns,
        start_at__in={moment(key.start) for key in totals},
        name__in={key.name for key in totals},
    )
    there = {key_of(row, seconds): row for row in rows}
    changed, new = [], []
    for key in sorted(totals):
        if (row := there.get(key)) is not None:
            totals[key].add_row(row)
            changed.append(totals[key].write_to(row))
        else:
            named = {"queue": key.queue, "name": key.name, "outcome": key.outcome}
            row = MetricBucket(**columns, start_at=moment(key.start), **named)
            new.append(totals[key].write_to(row))
    overwrite(engine, changed)
    MetricBucket.objects.using(engine.alias).bulk_create(new, batch_size=_ROWS_PER_STATEMENT)


def _without_padding(tallies: Mapping[Key, Tally]) -> dict[Key, Tally]:
    """Copy tallies by names without spaces at their end, which MySQL takes for equal to those without."""
    copies: dict[Key, Tally] = {}
    for key, tally in tallies.items():
        plain = key._replace(queue=key.queue.rstrip(" "), name=key.name.rstrip(" "))
        copies.setdefault(plain, Tally()).add(tally)
    return copies
