"""Fronts: what stands at the front of each queue, and since when the task waits there that waits longest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from taskhub.engines import get_engine
from taskhub.engines.rows import Front

QUEUES = 100  # that one statement asks for
ROUNDS = 5  # priorities of one queue of which a sample is read
GLANCES = 5  # priorities below those of which the first task is


def fronts(queues: Iterable[str], sample: int) -> list[Front]:
    """Return what stands at the front of each queue.

    That is the first `sample` tasks of a few priorities, and the first one of a few more. A statement reads one
    priority of each queue, and another those below where it has not read all of them.
    """
    engine = get_engine()
    found: list[Front] = []
    wanted: list[tuple[str, int | None]] = [(queue, None) for queue in queues]
    for size in [sample] * ROUNDS + [1] * GLANCES:
        batches = [wanted[start : start + QUEUES] for start in range(0, len(wanted), QUEUES)]
        parts = [part for batch in batches for part in engine.queued_fronts(batch, size)]
        found += parts
        wanted = _lower(parts, size)
    return found


def oldest_queued(queues: Iterable[str]) -> dict[str, datetime]:
    """Return for each queue with a queued task since when one could have been claimed: of those in front of a priority.

    A statement for each priority, however many tasks wait.
    """
    return oldest_of(fronts(queues, 1))


def oldest_of(parts: Iterable[Front]) -> dict[str, datetime]:
    """Return the same by fronts that somebody has read."""
    oldest: dict[str, datetime] = {}
    for part in parts:
        oldest[part.queue] = min(part.ready_at, oldest.get(part.queue, part.ready_at))
    return oldest


def _lower(parts: Iterable[Front], sample: int) -> list[tuple[str, int | None]]:
    """Return where to look on: queues of which not all was read, below the last priority that was."""
    read: Counter[str] = Counter()
    lowest: dict[str, int] = {}
    for part in parts:
        read[part.queue] += part.number
        lowest[part.queue] = min(part.priority, lowest.get(part.queue, part.priority))
    return [(queue, lowest[queue]) for queue, number in read.items() if number == sample]
