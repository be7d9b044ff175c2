"""Figure: one thing that was measured."""

from __future__ import annotations

from dataclasses import dataclass

NOT_HERE = "not measured here"


class BenchFailed(Exception):
    """The benchmark could not be run, or not to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A value with its unit; None where this machine or database does not tell it.

    `ratio` is the value as a multiple of what `ratio_to` names: the floor, an ideal, the same without a burden.
    """

    key: str
    label: str
    value: float | None
    unit: str
    ratio: float | None = None
    ratio_to: str = ""
    note: str = ""

    def to_json(self) -> dict[str, float | str | None]:
        told: dict[str, float | str | None] = {"value": rounded(self.value), "unit": self.unit}
        if self.ratio is not None:
            told |= {"ratio": rounded(self.ratio), "ratio_to": self.ratio_to}
        return told | ({"note": self.note} if self.note else {})


def rounded(value: float | None) -> float | None:
    """Return four significant digits; more would be noise."""
    return None if value is None else float(f"{value:.4g}")
