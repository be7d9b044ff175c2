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

_KNOWN = {"state", "queue", "task", "since"}  # what the metrics tell apart
_USUAL = timedelta(hours=2)
_STEPS = (60, 300, 900, 3600, 6 * 3600, 86_400)  # seconds
_MOST_BARS = 121
_LONGEST = timedelta(days=120)
_MARKS = 5


@dataclass(frozen=True, slots=True)
class When:
    """A strip of bars, one for each span, and times that lie evenly below it."""

    label: str
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
    starts = [start for start, _ in found]
    return When(_label(piles, since), list(pile_bars(piles, most)), _marks(starts))


def _is_counted(filters: Filters) -> bool:
    return (
        {key for key, _ in filters.items()} <= _KNOWN
        and "*" not in filters.task
        and (not filters.state or filters.state in pile_of({}))
        and not filters.problems()
    )


def _step(seconds: float) -> int:
    return next(step for step in _STEPS if step == _STEPS[-1] or seconds / step < _MOST_BARS)


def _only(pile: dict[str, int], state: str) -> dict[str, int]:
    return {state: pile[state]} if state else pile


def _label(piles: Sequence[dict[str, int]], since: datetime) -> str:
    total = {state: sum(pile[state] for pile in piles) for state in piles[0]}
    said = ", ".join(f"{words.count(n)} {words.state(state)}" for state, n in total.items() if n)
    shown = {"since": words.moment(since), "said": said}
    return gettext("Attempts that ended since %(since)s: %(said)s") % shown


def _marks(starts: Sequence[datetime]) -> list[datetime]:
    last = len(starts) - 1
    return [starts[round(last * number / (_MARKS - 1))] for number in range(_MARKS)]
