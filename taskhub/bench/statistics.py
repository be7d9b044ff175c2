"""Sums over what was seen: percentiles, and the rate of a drain once it is under way."""

from __future__ import annotations

import math
from collections.abc import Sequence

_START = 5  # the first fifth of a drain is left out: a worker gets up to speed


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share (0…1) of all values do not exceed.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("percentile of nothing: expected one value or more")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def steady_rate(ends: Sequence[float], seen: float | None = None) -> float:
    """Return how many ended a second, of those after the first fifth.

    `ends` are seconds; `seen` is when all of them were seen in the database, which is when the last of them counts.

    Raises:
        ValueError: fewer than ten ends, or all at one moment.
    """
    if len(ends) < 10:
        raise ValueError(f"steady_rate of {len(ends)} ends: expected 10 or more")
    times = sorted(ends)
    skipped = len(times) // _START
    took = max(times[-1], seen or 0.0) - times[skipped]
    if took <= 0:
        raise ValueError("steady_rate: expected ends at more than one moment")
    return (len(times) - skipped) / took
