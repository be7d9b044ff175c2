"""Throughput: the attempts of each span, piled by how they ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import log10

from django.utils.text import capfirst
from django.utils.translation import gettext

from dashboard import words
from dashboard.charts.chart import HEIGHT, WIDTH, Bars, Chart, Trace, last_whole, ticks
from dashboard.sparks import block
from taskhub.metrics import Point
from taskhub.models import Outcome

# From the bottom of the pile to its top: what failed stands out above what succeeded.
_PILE = (
    ("succeeded", (Outcome.SUCCEEDED,)),
    ("cancelled", (Outcome.CANCELLED,)),
    ("retrying", (Outcome.RETRYING, Outcome.LOST, Outcome.INTERRUPTED)),
    ("failed", (Outcome.FAILED,)),
)
_KINDS = tuple(name for name, _ in reversed(_PILE))
_FACTORS = (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10, 12)  # that make four round marks
Pile = dict[str, int]


def throughput(points: Sequence[Point]) -> Chart:
    """Draw them; the span that goes on is drawn open."""
    piles = [pile_of(point.counts) for point in points]
    top = _round_up(max((sum(pile.values()) for pile in piles), default=0))
    total = {state: sum(pile[state] for pile in piles) for state, _ in _PILE}
    ended = [f"{words.count(n)} {words.state(state)}" for state, n in total.items() if n]
    said = ", ".join(ended) or gettext("nothing")
    last = piles[-2] if len(piles) > 1 else dict.fromkeys(_KINDS, 0)
    return Chart(
        label=gettext("Attempts a minute over the last hour: %(said)s") % {"said": said},
        x=ticks(points),
        y=[words.count(round(top * number / 4)) for number in range(4, -1, -1)],
        grid=[HEIGHT * number / 4 for number in range(5)],
        bars=list(pile_bars(piles, top)),
        latest=dict(zip(_KINDS, _written(last), strict=True)),
        latest_at=last_whole(points),
        is_empty=not any(total.values()),
        columns=[capfirst(words.state(name)) for name in _KINDS],
        rows=[(point.start_at, _written(pile_of(point.counts))) for point in reversed(points)],
        marks=[top * number / 4 for number in range(5)],
        traces=[Trace(kind, _looks(kind), [pile[kind] for pile in piles]) for kind in _KINDS],
    )


def _looks(kind: str) -> dict[str, str]:
    """Return the classes of a part of a pile, of the line along its top and of it in the span that goes on."""
    is_usual = kind == "succeeded"
    return {
        "fill": f"{'soft' if is_usual else 'fill'} st-{kind}",
        "open": f"open st-{kind}",
        **({"edge": f"edge-top st-{kind}"} if is_usual else {}),
    }


def pile_bars(piles: Sequence[Pile], top: int) -> Iterator[Bars]:
    """Draw each state's parts as one path, and those of the span that goes on apart."""
    step = WIDTH / max(len(piles), 1)
    paths: dict[tuple[str, bool], list[str]] = {}
    edges: dict[tuple[str, bool], list[str]] = {}
    for number, pile in enumerate(piles):
        x, bottom, is_open = number * step + step * 0.06, HEIGHT, number == len(piles) - 1
        for state, count in pile.items():
            if count:
                y = bottom - max(HEIGHT * count / top, 1.0)
                paths.setdefault((state, is_open), []).append(block(x, y, step * 0.88, bottom))
                edges.setdefault((state, is_open), []).append(block(x, y, step * 0.88, y + 1.5))
                bottom = y
    for (state, is_open), parts in paths.items():
        edge = "".join(edges[state, is_open]) if state == "succeeded" and not is_open else ""
        yield Bars(state, "".join(parts), edge, is_open)


def pile_of(counts: Mapping[str, int]) -> Pile:
    """Return the attempts of a span by the state that tells how they ended, the bottom of the pile first."""
    return {state: sum(counts.get(one, 0) for one in outcomes) for state, outcomes in _PILE}


def _written(pile: Pile) -> list[str]:
    return [words.count(pile[kind]) for kind in _KINDS]


def _round_up(most: int) -> int:
    """Return a number that makes four round marks, at least `most`."""
    if most <= 4:
        return 4
    unit = 10 ** int(log10(most))
    tops = (int(factor * unit) for factor in _FACTORS if factor * unit >= most)
    return next(top for top in tops if top % 4 == 0)
