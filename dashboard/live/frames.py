"""Frames: what a tab is told, by websocket or by polling: the parts of the page that are new to it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext, ngettext

from dashboard.live.languages import speaking
from dashboard.live.newest import MOST, count_of
from dashboard.live.topics import Newest, Page, Row, Topic, Visit

Part = tuple[Topic, str, Any]  # a topic, the name of a part of it, its content


def frame(parts: Iterable[Part], *, first: int, ahead: float = 0.0) -> dict[str, Any]:
    """Put parts together. `now` is the database's time in ms, by which the browser lets its clocks tick.

    `regions` are HTML by name; `rows` the lines of tasks by id, null for those that are gone; `newer` how many tasks
    of the list came after the task `first` (`more` where that is not all), `said` says so; `task` is what a visitor
    sees of one.
    """
    told: dict[str, Any] = {"now": int((time.time() + ahead) * 1000)}
    for topic, name, content in parts:
        match topic:
            case Page():
                told.setdefault("regions", {})[name] = content
            case Row(task_id=task_id):
                told.setdefault("rows", {})[str(task_id)] = content
            case Newest(audience=audience):
                newer = count_of(content, first)
                told |= {"newer": newer, "more": newer >= MOST}
                with speaking(audience.language):
                    told["said"] = _said(newer, told["more"])
            case Visit():
                told["task"] = content
    return told


def _said(newer: int, is_more: bool) -> str:
    if not newer:
        return gettext("Nothing new")
    said = ngettext("%(n)s new task", "%(n)s new tasks", newer)
    return said % {"n": f"{newer}+" if is_more else newer}
