"""Choosing: which tasks an action on many is about, said in words and not as a QuerySet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from taskhub.errors import InvalidFilter
from taskhub.models import Task
from taskhub.queue.transition import tasks
from taskhub.states import TaskState


def choose(filters: Mapping[str, Any]) -> QuerySet[Task]:
    """Return the tasks of now that all `filters` fit; those that are enqueued later are left out.

    `name`, `queue` and `state` take one or several; `tag`, `workflow` (id), `parent` (id), `enqueued_before` and
    `enqueued_after` (aware datetimes) take one. A name may end in `*`.

    Raises:
        InvalidFilter: none was given, an unknown one, or a value that it does not take.
    """
    if not filters:
        raise InvalidFilter(
            f"No filter was given, and all tasks is seldom what is meant; expected one or more of {_KNOWN}."
        )
    newest = tasks().order_by("-id").values_list("id", flat=True).first() or 0
    chosen = tasks().filter(id__lte=newest)
    for key, value in filters.items():
        if key not in _FILTERS:
            close = get_close_matches(key, _FILTERS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known filters: {_KNOWN}."
            raise InvalidFilter(f"Unknown filter {key!r}; {hint}")
        chosen = chosen.filter(_FILTERS[key](key, value))
    return chosen


def _texts(key: str, value: Any) -> list[str]:
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, Iterable) or not all(isinstance(one, str) for one in several):
        raise InvalidFilter(f"{key}={value!r:.100}: expected a text, or a list of texts.")
    return list(several)


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidFilter(f"{key}={value!r:.100}: expected a text.")
    return value


def _names(key: str, value: Any) -> Q:
    names = _texts(key, value)
    fits = Q(name__in=[name for name in names if not name.endswith("*")])
    for name in names:
        if name.endswith("*"):
            fits |= Q(name__startswith=name[:-1])
    return fits


def _states(key: str, value: Any) -> Q:
    states = _texts(key, value)
    for state in states:
        if state not in set(TaskState):
            raise InvalidFilter(f"{key}={state!r}: expected one of {', '.join(TaskState)}.")
    return Q(state__in=states)


def _id(column: str) -> Callable[[str, Any], Q]:
    def fits(key: str, value: Any) -> Q:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidFilter(f"{key}={value!r:.100}: expected an id, a whole number.")
        return Q(**{column: value})

    return fits


def _time(lookup: str) -> Callable[[str, Any], Q]:
    def fits(key: str, value: Any) -> Q:
        if not isinstance(value, datetime) or timezone.is_naive(value):
            raise InvalidFilter(
                f"{key}={value!r:.100}: expected an aware datetime, such as django.utils.timezone.now()."
            )
        return Q(**{lookup: value})

    return fits


_FILTERS: dict[str, Callable[[str, Any], Q]] = {
    "name": _names,
    "queue": lambda key, value: Q(queue__in=_texts(key, value)),
    "state": _states,
    "tag": lambda key, value: Q(tags__name=_text(key, value)),
    "workflow": _id("workflow_id"),
    "parent": _id("parent_id"),
    "enqueued_before": _time("enqueued_at__lt"),
    "enqueued_after": _time("enqueued_at__gte"),
}
_KNOWN = ", ".join(_FILTERS)
