"""Histogram: counts of durations in buckets that grow by the square root of two, from a millisecond to a week."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

# Bucket i holds durations up to BOUNDS[i] seconds; one more holds all that are longer than the last bound. Stored
# histograms name buckets by their number: what is here may be added to at the end, and not be changed.
BOUNDS = tuple(0.001 * 2 ** (number / 2) for number in range(60))
BUCKETS = len(BOUNDS) + 1


def empty() -> list[int]:
    """Return a histogram of nothing: a count for each bucket."""
    return [0] * BUCKETS


def bucket_of(seconds: float) -> int:
    """Return the number of the bucket of a duration; a negative one, of clocks that disagree, counts as none."""
    return bisect_left(BOUNDS, seconds)


def to_json(histogram: Sequence[int]) -> dict[str, int]:
    """Return what is stored: the buckets that are not empty."""
    return {str(number): count for number, count in enumerate(histogram) if count}


def add_json(histogram: list[int], stored: Mapping[str, int]) -> None:
    """Add a stored histogram to one in memory."""
    for number, count in stored.items():
        histogram[int(number)] += count


def quantile(histogram: Sequence[int], q: float) -> float | None:
    """Return the duration in seconds that a share `q` (0…1) of all do not exceed; None where there are none.

    Inside its bucket it is taken to lie evenly: it is wrong by a factor of √2 at most, above a millisecond.
    """
    rank = q * sum(histogram)
    before = 0
    for number, count in enumerate(histogram):
        if count and before + count >= rank:
            low = BOUNDS[number - 1] if number else 0.0
            high = BOUNDS[min(number, len(BOUNDS) - 1)]
            return low + (high - low) * max(0.0, rank - before) / count
        before += count
    return None
