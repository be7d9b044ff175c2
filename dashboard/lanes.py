"""Lanes: a queue as a drawing. Waiting work piles up left of a gate, slots stand right of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import log10

from django.utils.translation import gettext

from dashboard import words

BED = 149.0
_MOST = 4.0  # log10 of the count that fills the lane
_LEAST = 3.0
_SLOTS = 16


@dataclass(frozen=True, slots=True)
class Block:
    state: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Slot:
    x: int
    y: int
    is_busy: bool


@dataclass(frozen=True, slots=True)
class Lane:
    """Blocks of waiting tasks, queued ones next to the gate; slots in at most two rows."""

    blocks: list[Block]
    slots: list[Slot]
    is_paused: bool
    is_staffed: bool
    label: str


def lane(
    *,
    queued: int,
    retrying: int,
    pending: int,
    running: int,
    slots: int,
    is_paused: bool,
    is_staffed: bool,
    most: int | None = None,
) -> Lane:
    """Lay out one lane; its length is logarithmic. What waits was not counted beyond `most`."""
    said = gettext(
        "%(pending)s pending, %(retrying)s retrying, %(queued)s queued; %(running)s of %(slots)s slots busy"
    )
    waiting = {"pending": pending, "retrying": retrying, "queued": queued}
    counted = {state: words.capped(number, most) for state, number in waiting.items()}
    label = said % {**counted, "running": running, "slots": slots}
    if is_paused:
        label += f"; {words.state('paused')}"
    elif not is_staffed:
        label = f"{label}; " + gettext("no worker")
    blocks = _blocks({"queued": queued, "retrying": retrying, "pending": pending})
    left = 163 if is_paused else 159
    return Lane(blocks, _slots(running, max(slots, running), left), is_paused, is_staffed, label)


def _blocks(counts: dict[str, int]) -> list[Block]:
    total = sum(counts.values())
    length = BED * min(1.0, log10(1 + total) / _MOST)
    x, blocks = BED, []
    for state, number in counts.items():
        if number:
            width = max(_LEAST, length * number / total)
            x -= width
            blocks.append(Block(state, round(max(x, 0.0), 1), round(width, 1)))
            x -= 1.0
    return blocks


def _slots(busy: int, total: int, left: int) -> list[Slot]:
    """Draw each slot, or the share that is busy where there are too many to draw."""
    drawn = min(total, _SLOTS)
    filled = busy if total <= _SLOTS else round(busy / total * _SLOTS)
    first_row = drawn if drawn <= _SLOTS // 4 else (drawn + 1) // 2
    places = [
        (n, 5) if first_row == drawn else (n % first_row, 1 + 8 * (n // first_row))
        for n in range(drawn)
    ]
    return [Slot(left + 8 * column, y, n < filled) for n, (column, y) in enumerate(places)]
