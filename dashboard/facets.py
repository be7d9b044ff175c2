"""Facets: what a list can be narrowed to next. Counts respect the other filters and stop at the cap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard import words
from dashboard.filters import Filters
from dashboard.reading import count_capped, in_state
from taskhub import monitor
from taskhub.engines import queue_alias
from taskhub.models import Task, TaskCatalog, TaskTag
from taskhub.states import TaskState

SHOWN = 12  # names of a kind; the search takes any
ORDER = ("pending", "queued", "running", "retrying", "failed", "expired", "cancelled", "succeeded")


@dataclass(frozen=True, slots=True)
class Choice:
    """One filter that can be put on, or taken off where it is on."""

    value: str
    url: str
    is_chosen: bool
    count: str = ""


@dataclass(frozen=True, slots=True)
class Facet:
    key: str
    title: str
    choices: list[Choice]


def facets(filters: Filters, shown: Sequence[Task]) -> list[Facet]:
    """Return the facets beside a list; tags are those of the tasks that it shows."""
    names = TaskCatalog.objects.using(queue_alias()).values_list("name", flat=True).order_by("name")
    tags = TaskTag.objects.using(queue_alias()).filter(task_id__in=[task.pk for task in shown])
    common = sorted(set(tags.values_list("name", flat=True)[:1000])) if shown else []
    found = [
        Facet("state", "State", _states(filters)),
        Facet("queue", "Queue", _names(filters, "queue", monitor.list_queues())),
        Facet("task", "Task", _names(filters, "task", list(names[:SHOWN]))),
        Facet("tag", "Tag", _names(filters, "tag", common)),
    ]
    return [facet for facet in found if facet.choices]


def _states(filters: Filters) -> list[Choice]:
    others = filters.narrow(monitor.tasks(), by_state=False)
    return [
        Choice(
            state,
            filters.changed("state", "" if filters.state == state else state),
            filters.state == state,
            words.capped(count_capped(in_state(others, TaskState(state)))),
        )
        for state in ORDER
    ]


def _names(filters: Filters, key: str, names: Sequence[str]) -> list[Choice]:
    chosen: str = getattr(filters, key)
    listed = list(names[:SHOWN])
    if chosen and chosen not in listed:
        listed.insert(0, chosen)
    return [Choice(n, filters.changed(key, "" if n == chosen else n), n == chosen) for n in listed]
