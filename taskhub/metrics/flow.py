"""Flow: how many attempts of a queue ended in each minute, by outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from taskhub.engines import get_engine
from taskhub.engines.metrics import counted, ended
from taskhub.metrics.series import Point, spans_of, stored_in
from taskhub.metrics.tally import MINUTE, floor, moment

Flow = list[Mapping[str, int]]  # attempts by outcome, for each minute


def flows(since: datetime, until: datetime | None = None) -> dict[str, Flow]:
    """Return a list for each queue in which something ended, from the minute of `since` to that before `until` (now).

    Raises:
        ValueError: more minutes than a series has points.
    """
    starts = spans_of(since, until, MINUTE)
    found: dict[str, list[dict[str, int]]] = {}
    for at, queue, outcome, count in counted(
        get_engine(), moment(starts.start), moment(starts.stop)
    ):
        if (flow := found.get(queue)) is None:
            flow = found[queue] = [{} for _ in starts]
        flow[(at - starts.start) // MINUTE][outcome] = int(count)
    return {queue: [*flow] for queue, flow in found.items()}


def counts(
    since: datetime,
    until: datetime | None = None,
    seconds: int = MINUTE,
    queue: str | None = None,
    name: str | None = None,
) -> list[tuple[datetime, Mapping[str, int]]]:
    """Return the spans of a series with the attempts that ended in each, by outcome, without their durations.

    Raises:
        ValueError: as `series`.
    """
    starts = spans_of(since, until, seconds)
    found: dict[int, dict[str, int]] = {start: {} for start in starts}
    of_span = ended(
        get_engine(), moment(starts.start), moment(starts.stop), stored_in(seconds), queue, name
    )
    for at, outcome, count in of_span:
        span = found[floor(at, seconds)]
        span[outcome] = span.get(outcome, 0) + int(count)
    return [(moment(start), span) for start, span in found.items()]


def flows_of(points: Sequence[Point]) -> dict[str, Flow]:
    """Return the same from a series of minutes that somebody has read."""
    names = {queue for point in points for queue in point.queues}
    return {name: [point.queues.get(name, {}) for point in points] for name in names}
