"""Stamps: which of the watched tasks have changed, in one statement for all that anybody watches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from taskhub import monitor

_AT_ONCE = 1000  # ids in one statement
_COLUMNS = (
    "state", "claim_no", "attempt", "waits_for", "run_after", "unmet", "reason", "cancel_requested_at",
    "cancel_raised_at", "cancel_killed_at", "progress__updated_at", "progress__fraction", "progress__message",
)  # fmt: skip

Stamp = tuple[Any, ...] | None


def stamps_of(ids: Iterable[int]) -> dict[int, Stamp]:
    """Return what tells one moment of a task from another; None for those that are gone."""
    wanted = sorted(set(ids))
    found: dict[int, Stamp] = dict.fromkeys(wanted)
    for some in _batches(wanted):
        rows = monitor.tasks().filter(pk__in=some).order_by().values_list("pk", *_COLUMNS)
        found |= {row[0]: row[1:] for row in rows}
    return found


def _batches(ids: list[int]) -> Iterator[list[int]]:
    rest = iter(ids)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
