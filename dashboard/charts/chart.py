"""Chart: what a drawing with axes consists of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from taskhub.metrics import Point
from taskhub.metrics.tally import MINUTE

WIDTH, HEIGHT = 600.0, 160.0


@dataclass(frozen=True, slots=True)
class Bars:
    """The parts of all piles that look alike, as one path; `edge` is a line along their tops."""

    state: str
    path: str
    edge: str = ""
    is_open: bool = False  # of the span that goes on


@dataclass(frozen=True, slots=True)
class Line:
    key: str
    path: str
    look: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """What the script draws: a number for each span, and by the part that is drawn the classes of its look."""

    name: str
    looks: dict[str, str]
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing; `y` are the marks of its axis from top to bottom, `goal` the height of an objective.

    `latest` are the numbers of the last whole span, `rows` those of all, newest first. `marks` are those of the axis as
    numbers, from the bottom up; the first of the traces have a column of `rows` each, in its order.
    """

    label: str
    x: list[datetime]
    y: list[str]
    grid: list[float]
    bars: list[Bars] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    goal: float | None = None
    latest: dict[str, str] = field(default_factory=dict)
    latest_at: datetime | None = None
    columns: list[str] = field(default_factory=list)
    rows: list[tuple[datetime, list[str]]] = field(default_factory=list)
    marks: list[float] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    is_empty: bool = False

    @property
    def numbers(self) -> dict[str, Any]:
        """What the script needs to draw it anew; spans begin at `start`, in seconds since 1970."""
        return {
            "start": int(self.rows[-1][0].timestamp()),
            "step": MINUTE,
            "count": len(self.rows),
            "marks": self.marks,
            "words": self.y[::-1],
            "traces": [asdict(trace) for trace in self.traces],
        }


def ticks(points: Sequence[Point]) -> list[datetime]:
    """Return five times that lie evenly."""
    if not points:
        return []
    last = len(points) - 1
    return [points[round(last * number / 4)].start_at for number in range(5)]


def last_whole(points: Sequence[Point]) -> datetime | None:
    """Return the last span that is over."""
    return points[-2].start_at if len(points) > 1 else None
