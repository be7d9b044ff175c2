"""Keyset: pages of a list by id, newest first. New tasks never move what a page shows, nor make it slow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import QuerySet

from taskhub import monitor
from taskhub.models import Task

SIZE = 50


@dataclass(frozen=True, slots=True)
class Keyset:
    """A page of tasks, newest first; `newer` and `older` are the ids to go on from, None at an end.

    `looked_to` is the lowest id that was looked at, where the page ends there and not because it is full.
    """

    tasks: list[Task]
    newer: int | None = None
    older: int | None = None
    looked_to: int | None = None

    @property
    def is_all(self) -> bool:
        """Nothing else is in the list, if this is its top."""
        return self.newer is None and self.older is None and self.looked_to is None


def read(
    tasks: QuerySet[Task],
    query: Mapping[str, str],
    size: int = SIZE,
    *,
    window: int | None = None,
    first: int = 0,
    key: str = "id",
) -> Keyset:
    """Read the page that `?before=ID` or `?after=ID` asks for; without either, or with nonsense, the newest.

    With a `window` it looks through so many ids at most, and says where it stopped; never below `first`. `key` is the
    column that has the ids.
    """
    before, after = _id(query.get("before")), _id(query.get("after"))
    if after is not None and before is None:
        near = _above(tasks, after, window, key)
        rows = list(near.order_by(key)[: size + 1])
        if len(rows) > size:
            shown = rows[:size][::-1]
            return Keyset(shown, newer=shown[0].pk, older=shown[-1].pk)
        # There is no full page of newer ones: what is meant is the top of the list.
    return _page(tasks, before, size, window, first, key)


def _page(
    tasks: QuerySet[Task], before: int | None, size: int, window: int | None, first: int, key: str
) -> Keyset:
    below = tasks if before is None else tasks.filter(**{f"{key}__lt": before})
    floor = _floor(before, window) if window else 0
    lowest = max(floor + 1, first)
    near = below.filter(**{f"{key}__gte": lowest}) if lowest > 1 else below
    rows = list(near.order_by(f"-{key}")[: size + 1])
    shown = rows[:size]
    top = shown[0].pk if shown else (before or 0) - 1
    has_newer = before is not None and _above(tasks, top, window, key).exists()
    is_cut = len(rows) <= size and floor >= max(first, 1)
    return Keyset(
        shown,
        newer=top if has_newer else None,
        older=shown[-1].pk if len(rows) > size else floor + 1 if is_cut else None,
        looked_to=floor + 1 if is_cut else None,
    )


def _above(tasks: QuerySet[Task], id_: int, window: int | None, key: str) -> QuerySet[Task]:
    above = tasks.filter(**{f"{key}__gt": id_})
    return above.filter(**{f"{key}__lte": id_ + window}) if window else above


def _floor(before: int | None, window: int) -> int:
    """Return the id below which a page does not look; 0 where there are no tasks beyond it."""
    top = (
        before if before is not None else monitor.tasks().values_list("id", flat=True).first() or 0
    )
    floor = max(0, top - window)
    return floor if floor and monitor.tasks().filter(id__lte=floor).exists() else 0


def _id(text: str | None) -> int | None:
    if not text or not text.isascii() or not text.isdigit() or len(text) > 18:
        return None
    return int(text)
