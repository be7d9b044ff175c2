"""When: what a list shows, over time, as the metrics have it; nothing where only a look at every task could tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext

from dashboard import spans, words
from dashboard.charts import pile_bars, pile_of
from dashboard.charts.chart import Bars
from dashboard.filters import Filters
from taskhub.metrics import counts
from taskhub.states import FINISHED

_KNOWN = {"state", "queue", "task", "since"}  # what the metrics tell apart
_USUAL = timedelta(hours=2)
_STEPS = (60, 300, 900, 3600, 6 * 3600, 86_400)  # seconds
_MOST_BARS = 121
_LONGEST = timedelta(days=120)
_INTERVALS = (4, 5, 3, 6, 2, 7)  # between the times below the strip, the most wanted first
_FINE = 24  # minutes; in a longer strip nobody sees that a time is half a minute off


@dataclass(frozen=True, slots=True)
class When:
    """A strip of bars, one for each span, how many of each state there are, and times that lie evenly below it."""

    label: str
    totals: list[tuple[str, int]]
    bars: list[Bars]
    marks: list[datetime]


def when(filters: Filters, now: datetime) -> When | None:
    """Draw the attempts that ended and match; one statement. None where nothing did, or nobody has counted such."""
    since = max(spans.begin(filters.since, now) or now - _USUAL, now - _LONGEST)
    if not _is_counted(filters) or since >= now:
        return None
    seconds = _step((now - since).total_seconds())
    found = counts(since, now, seconds, filters.queue or None, filters.task or None)
    piles = [_only(pile_of(ended), filters.state) for _, ended in found]
    most = max(sum(pile.values()) for pile in piles)
    if not most:
        return None
    totals = [(state, n) for state in piles[0] if (n := sum(pile[state] for pile in piles))]
    first, last = found[0][0], found[-1][0]
    return When(_label(totals, first), totals, list(pile_bars(piles, most)), _marks(first, last))


def _is_counted(filters: Filters) -> bool:
    return (
        {key for key, _ in filters.items()} <= _KNOWN
        and "*" not in filters.task
        and (not filters.state or (filters.state in FINISHED and filters.state in pile_of({})))
        and not filters.problems()
    )


def _step(seconds: float) -> int:
    return next(step for step in _STEPS if step == _STEPS[-1] or seconds / step < _MOST_BARS)


def _only(pile: dict[str, int], state: str) -> dict[str, int]:
    return {state: pile[state]} if state else pile


def _label(totals: Sequence[tuple[str, int]], since: datetime) -> str:
    said = ", ".join(f"{words.count(n)} {words.state(state)}" for state, n in totals)
    shown = {"since": words.moment(since), "said": said}
    return gettext("Attempts that ended since %(since)s: %(said)s") % shown


def _marks(first: datetime, last: datetime) -> list[datetime]:
    """Return times that lie evenly and read so too: whole minutes apart, where the strip is short."""
    minutes = round((last - first).total_seconds() / 60)
    least = _INTERVALS[0] if minutes > _FINE else min(minutes, 1)
    number = next((one for one in _INTERVALS if minutes and minutes % one == 0), least)
    return [first + (last - first) * place / max(number, 1) for place in range(number + 1)]
