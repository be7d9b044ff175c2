"""Sparks: a row of numbers as a small drawing, without axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 100.0, 24.0
_TOP, _BOTTOM = 2.0, 23.0


@dataclass(frozen=True, slots=True)
class Spark:
    """A line with the area below it, or bars; neither where there is nothing to draw. All are paths."""

    label: str
    line: str = ""
    area: str = ""
    bars: str = ""
    state: str = ""


def line(values: Sequence[float], label: str, state: str = "") -> Spark:
    """Draw numbers as a line over equal steps, from zero to the largest."""
    most = max(values, default=0.0)
    if most <= 0 or len(values) < 2:
        return Spark(label, state=state)
    step = WIDTH / (len(values) - 1)
    points = [
        f"{_round(index * step)} {_round(_level(value, most))}"
        for index, value in enumerate(values)
    ]
    path = "M" + " L".join(points)
    return Spark(label, path, f"{path} L{WIDTH:g} {HEIGHT:g} L0 {HEIGHT:g} Z", state=state)


def bars(values: Sequence[float], label: str, state: str = "") -> Spark:
    """Draw numbers as bars: for events that are few."""
    most = max(values, default=0.0)
    if most <= 0:
        return Spark(label, state=state)
    step = WIDTH / len(values)
    drawn = [
        block(index * step, min(_level(value, most), HEIGHT - 3), step * 0.8, HEIGHT)
        for index, value in enumerate(values)
        if value
    ]
    return Spark(label, bars="".join(drawn), state=state)


def block(x: float, y: float, width: float, bottom: float) -> str:
    """Return a rectangle as a part of a path: a hundred of them are one element of the page."""
    return f"M{x:.1f} {bottom:.1f}V{y:.1f}h{width:.1f}V{bottom:.1f}z"


def _level(value: float, most: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * value / most


def _round(number: float) -> float:
    return round(number, 1)
