"""Latency: how long attempts waited or ran, over a logarithmic axis."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

from django.utils.translation import gettext, gettext_noop

from dashboard import words
from dashboard.charts.chart import HEIGHT, WIDTH, Chart, Line, Trace, last_whole, ticks
from taskhub.metrics import Point

_MARKS = {
    0.01: "10 ms", 0.1: "0.1 s", 1.0: "1 s", 10.0: "10 s", 100.0: "100 s", 1000.0: "17 min",
    10_000.0: "2.8 h", 100_000.0: "28 h", 1_000_000.0: "12 d",
}  # fmt: skip
_DECADES = tuple(_MARKS)  # seconds
_OLDEST = gettext_noop("oldest waiting")
_LOOKS = {_OLDEST: "st-failed ln--dash", "p95": "st-queued ln--bold", "p50": "st-cancelled"}
_GOAL = {"line": "goal"}
Values = Sequence[float | None]


def times(
    points: Sequence[Point], what: str, goal: float | None = None, oldest: Values | None = None
) -> Chart:
    """Draw the p95 and p50 of each span's waits or runs (`what`), and an objective in seconds.

    `oldest` is laid over it: for each span how long the oldest task had waited that was still waiting.
    """
    series = {name: [getattr(p, f"{what}_{name}") for p in points] for name in ("p95", "p50")}
    if oldest is not None:
        series = {_OLDEST: list(oldest), **series}
    shown = {name: gettext(name) for name in series}
    known = [value for values in series.values() for value in values if value is not None]
    goal = goal if known else None
    axis = _Axis([*known, *([goal] if goal else [])])
    latest = {name: _written(_latest(values)) for name, values in series.items()}
    said = (
        ", ".join(f"{shown[name]} {text}" for name, text in latest.items())
        if known
        else gettext("nothing was measured")
    )
    traces = [
        Trace(shown[name], {"line": f"ln {_LOOKS[name]}"}, [axis.within(value) for value in values])
        for name, values in series.items()
    ]
    if goal:
        traces.append(Trace(gettext("objective"), _GOAL, [goal] * len(points)))
    return Chart(
        label=_label(what) % {"said": said},
        x=ticks(points),
        y=[_MARKS[mark] for mark in reversed(axis.marks)],
        grid=[axis.y(mark) for mark in axis.marks],
        lines=[Line(name, axis.path(values), _LOOKS[name]) for name, values in series.items()],
        goal=axis.y(goal) if goal else None,
        latest=latest,
        latest_at=last_whole(points),
        is_empty=not known,
        columns=[shown[name].capitalize() if name == _OLDEST else name for name in series],
        rows=[
            (point.start_at, [_written(value) for value in values])
            for point, *values in reversed(list(zip(points, *series.values(), strict=True)))
        ],
        marks=axis.marks,
        traces=traces,
    )


def _label(what: str) -> str:
    if what == "wait":
        return gettext("Wait before start over the last hour: %(said)s")
    return gettext("Run time over the last hour: %(said)s")


class _Axis:
    """From the decade below the least value to that above the largest."""

    def __init__(self, values: Sequence[float]) -> None:
        low, high = min(values, default=0.01), max(values, default=1.0)
        self.low = max((mark for mark in _DECADES if mark <= low), default=_DECADES[0])
        self.high = min((mark for mark in _DECADES if mark >= high), default=_DECADES[-1])
        if self.low >= self.high:
            self.low = self.high / 10
        self.marks = [mark for mark in _DECADES if self.low <= mark <= self.high]

    def within(self, seconds: float | None) -> float | None:
        """Move what lies outside of the axis to its end."""
        return None if seconds is None else round(min(max(seconds, self.low), self.high), 4)

    def y(self, seconds: float) -> float:
        seconds = min(max(seconds, self.low), self.high)
        share = log10(seconds / self.low) / log10(self.high / self.low)
        return round(HEIGHT * (1 - share), 1)

    def path(self, values: Values) -> str:
        """Draw what is known; a span without a value breaks the line, and a lone one is a short dash."""
        step = WIDTH / max(len(values) - 1, 1)
        parts, is_down = [], False
        for number, value in enumerate(values):
            if value is None:
                is_down = False
                continue
            x, y = round(number * step, 1), self.y(value)
            is_last = number + 1 == len(values) or values[number + 1] is None
            if is_last and not is_down:
                parts.append(f"M{max(x - 2, 0):g} {y:g}H{min(x + 2, WIDTH):g}")
                continue
            parts.append(f"{'L' if is_down else 'M'}{x:g} {y:g}")
            is_down = True
        return "".join(parts)


def _latest(values: Values) -> float | None:
    """Return the last value of a span that is over."""
    return next((value for value in reversed(values[:-1]) if value is not None), None)


def _written(seconds: float | None) -> str:
    return "–" if seconds is None else words.duration(seconds)
