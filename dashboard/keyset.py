"""Keyset: pages of a list by id, newest first. New tasks never move what a page shows, nor make it slow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import QuerySet

from taskhub.models import Task

SIZE = 50


@dataclass(frozen=True, slots=True)
class Keyset:
    """A page of tasks, newest first; `newer` and `older` are the ids to go on from, None at an end."""

    tasks: list[Task]
    newer: int | None = None
    older: int | None = None


def read(tasks: QuerySet[Task], query: Mapping[str, str], size: int = SIZE) -> Keyset:
    """Read the page that `?before=ID` or `?after=ID` asks for; without either, or with nonsense, the newest."""
    before, after = _id(query.get("before")), _id(query.get("after"))
    if before is not None:
        return _page(
            tasks, list(tasks.filter(id__lt=before).order_by("-id")[: size + 1]), size, before
        )
    if after is not None:
        rows = list(tasks.filter(id__gt=after).order_by("id")[: size + 1])
        if len(rows) > size:
            shown = rows[:size][::-1]
            return Keyset(shown, newer=shown[0].pk, older=shown[-1].pk)
        # There is no full page of newer ones: what is meant is the top of the list.
    return _page(tasks, list(tasks.order_by("-id")[: size + 1]), size, None)


def _page(tasks: QuerySet[Task], rows: list[Task], size: int, before: int | None) -> Keyset:
    shown = rows[:size]
    first = shown[0].pk if shown else (before or 0) - 1
    has_newer = before is not None and tasks.filter(id__gt=first).exists()
    return Keyset(
        shown,
        newer=first if has_newer else None,
        older=shown[-1].pk if len(rows) > size else None,
    )


def _id(text: str | None) -> int | None:
    if not text or not text.isascii() or not text.isdigit() or len(text) > 18:
        return None
    return int(text)
