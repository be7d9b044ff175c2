"""Rates: what comes into each queue and what leaves it, and what follows from that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils.translation import gettext

from dashboard import sparks, words
from dashboard.sparks import Spark
from taskhub.engines import get_engine
from taskhub.metrics import Flow, Point, flows, flows_of
from taskhub.models import Outcome

MINUTES = 60
RECENT = 5  # whole minutes that a rate is the mean of
_SAMPLE = 2_000  # newest tasks that are looked at for what comes in
_LEFT = (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED)


@dataclass(frozen=True, slots=True)
class Rate:
    """Tasks a minute, and the failures of the last hour."""

    into: float = 0.0
    out: float = 0.0
    flow: Flow = field(default_factory=list)  # what ended in each of the last 60 minutes

    @property
    def failed(self) -> int:
        return sum(self.failures)

    @property
    def left(self) -> list[int]:
        return [_left(minute) for minute in self.flow]

    @property
    def failures(self) -> list[int]:
        return [minute.get(Outcome.FAILED, 0) for minute in self.flow]

    def spark(self, name: str) -> Spark:
        left = self.left
        number = sum(left)
        said = (
            gettext("%(n)s ended in the last hour") % {"n": words.count(number)}
            if number
            else gettext("nothing ended in the last hour")
        )
        return sparks.line(left[:-1], f"{name}: {said}")  # the last minute goes on


def read(now: datetime, points: Sequence[Point] | None = None) -> dict[str, Rate]:
    """Return the rates of each queue in which something happens: two queries, whatever there is.

    Who has read the points of the last hour passes them.
    """
    since = now - timedelta(minutes=MINUTES - 1)
    out = flows(since, now) if points is None else flows_of(points)
    into = arrivals(now)
    return {name: rate_of(out.get(name, []), into.get(name, 0.0)) for name in {*out, *into}}


def rate_of(flow: Flow, into: float = 0.0) -> Rate:
    # The last minute goes on, and what was counted in it may not be written yet.
    whole = flow[-RECENT - 1 : -1]
    return Rate(into=into, out=sum(map(_left, whole)) / RECENT, flow=flow)


def _left(minute: Mapping[str, int]) -> int:
    return sum(minute.get(outcome, 0) for outcome in _LEFT)


def arrivals(now: datetime) -> Mapping[str, float]:
    """Return how many tasks a minute were enqueued into each queue, by the newest of them."""
    since = now - timedelta(minutes=RECENT)
    newest = get_engine().count_newest(_SAMPLE, since)
    is_cut = sum(one.number for one in newest) == _SAMPLE
    first = min((one.first_at for one in newest), default=since) if is_cut else since
    minutes = max(words.between(first, now), 1.0) / 60
    return {one.queue: one.number / minutes for one in newest}
