"""Tracebacks as lines: where it was raised is marked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    is_hit: bool = False
    is_place: bool = False


def lines(traceback: str) -> list[Line]:
    """Split a traceback; the source line under the last `File …` is the hit, `File …` lines are places."""
    found = traceback.rstrip().splitlines()
    places = {index for index, text in enumerate(found) if text.lstrip(" |+").startswith('File "')}
    hit = max(places, default=-2) + 1
    return [Line(text or " ", index == hit, index in places) for index, text in enumerate(found)]
