"""Flow: how many attempts of a queue ended in each minute, by outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil

from taskhub.engines import get_engine
from taskhub.engines.metrics import counted
from taskhub.metrics.series import MOST_POINTS, Point
from taskhub.metrics.tally import MINUTE, floor, moment

Flow = list[Mapping[str, int]]  # attempts by outcome, for each minute


def flows(since: datetime, until: datetime | None = None) -> dict[str, Flow]:
    """Return a list for each queue in which something ended, from the minute of `since` to that before `until` (now).

    Raises:
        ValueError: more minutes than a series has points.
    """
    until = until or get_engine().now()
    starts = range(floor(int(since.timestamp()), MINUTE), ceil(until.timestamp()), MINUTE)
    if len(starts) > MOST_POINTS:
        raise ValueError(
            f"{len(starts)} minutes from {since:%Y-%m-%d %H:%M}; expected {MOST_POINTS} at most."
        )
    found: dict[str, list[dict[str, int]]] = {}
    for at, queue, outcome, count in counted(
        get_engine(), moment(starts.start), moment(starts.stop)
    ):
        if (flow := found.get(queue)) is None:
            flow = found[queue] = [{} for _ in starts]
        flow[(at - starts.start) // MINUTE][outcome] = int(count)
    return {queue: [*flow] for queue, flow in found.items()}


def flows_of(points: Sequence[Point]) -> dict[str, Flow]:
    """Return the same from a series of minutes that somebody has read."""
    names = {queue for point in points for queue in point.queues}
    return {name: [point.queues.get(name, {}) for point in points] for name in names}
