"""Facets: what a list can be narrowed to next. Counts respect the other filters, and never read more than the cap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Count
from django.utils.translation import gettext

from dashboard import words
from dashboard.filters import Filters
from dashboard.narrowing import key, narrow
from dashboard.words import CAP
from taskhub import monitor
from taskhub.engines import get_engine, queue_alias
from taskhub.models import Queue, Task, TaskCatalog, TaskTag

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


class Sample:
    """The newest tasks by state, queue and name, in one query; all of them where there are no more than the cap.

    `first` is the id below which none fits; `matching` how many fit all filters, where that is known.
    """

    def __init__(
        self, filters: Filters, now: datetime, first: int, matching: int | None = None
    ) -> None:
        self._filters, self._matching = filters, matching
        newest = monitor.tasks().values_list("id", flat=True).first() or 0
        floor = max(0, newest - CAP)
        self._is_cut = (
            floor >= first and monitor.tasks().filter(id__lte=floor, id__gte=first).exists()
        )
        self._rows: list[tuple[str, str, str, int]] = []
        if filters.error or filters.worker or filters.args:
            return  # it would cost what the list costs, once more
        wider = replace(filters, state="", queue="", task="")
        others = narrow(monitor.tasks(), wider, now, first)
        rows = (
            others.filter(**{f"{key(wider)}__gte": max(floor + 1, first)})
            .order_by()
            .values_list("state", "queue", "name")
        )
        self._rows = list(rows.annotate(n=Count("id")))

    def counts(self, key: str) -> Counter[str]:
        """Count the values of a key among those that the other two fit."""
        found: Counter[str] = Counter()
        for state, queue, name, number in self._rows:
            row = {"state": state, "queue": queue, "task": name}
            if all(self._fits(other, row[other]) for other in row if other != key):
                found[row[key]] += number
        return found

    def said(self, key: str, value: str, number: int) -> str:
        """Write the count of a value; nothing where older tasks were not looked at and none of the newer fit."""
        if self._matching is not None and getattr(self._filters, key) == value:
            return words.count(self._matching)
        if not self._rows:
            return ""
        if not self._is_cut:
            return words.count(number)
        return f"{words.count(number)}+" if number else ""

    def _fits(self, key: str, value: str) -> bool:
        wanted: str = getattr(self._filters, key)
        if wanted.endswith("*") and key == "task":
            return value.startswith(wanted[:-1])
        return not wanted or value == wanted


def facets(
    filters: Filters,
    shown: Sequence[Task],
    now: datetime,
    first: int = 0,
    *,
    is_all: bool = False,
) -> list[Facet]:
    """Return the facets beside a list; tags are those of the tasks that it shows. `is_all`: no other task matches."""
    sample = Sample(filters, now, first, len(shown) if is_all else None)
    names = TaskCatalog.objects.using(queue_alias()).values_list("name", flat=True).order_by("name")
    tags = TaskTag.objects.using(queue_alias()).filter(task_id__in=[task.pk for task in shown])
    common = Counter(tags.values_list("name", flat=True)[:1000]) if shown else Counter()
    found = [
        Facet("state", gettext("State"), _states(filters, sample)),
        Facet("queue", gettext("Queue"), _names(filters, "queue", _queues(), sample)),
        Facet("task", gettext("Task"), _names(filters, "task", list(names[:SHOWN]), sample)),
        Facet(
            "tag", gettext("Tag"), _tags(filters, [name for name, _ in common.most_common(SHOWN)])
        ),
    ]
    return [facet for facet in found if facet.choices]


def _queues() -> list[str]:
    """Return the queues that somebody has named; others come with the tasks of the sample."""
    named = TaskCatalog.objects.using(queue_alias()).values_list("queue", flat=True).distinct()
    return [*named, *Queue.objects.using(queue_alias()).values_list("name", flat=True)]


def _states(filters: Filters, sample: Sample) -> list[Choice]:
    if any(key != "state" for key, _ in filters.items()):
        counts = sample.counts("state")
        said = {state: sample.said("state", state, counts[state]) for state in ORDER}
    else:
        numbers = get_engine().count_states(CAP + 1)
        said = {state: words.capped(numbers[state]) for state in ORDER}
    return [_choice(filters, "state", state, said[state]) for state in ORDER]


def _names(filters: Filters, key: str, names: Sequence[str], sample: Sample) -> list[Choice]:
    counts = sample.counts(key)
    listed = sorted({*names, *counts}, key=lambda name: (-counts[name], name))[:SHOWN]
    chosen: str = getattr(filters, key)
    if chosen and chosen not in listed:
        listed.insert(0, chosen)
    return [
        _choice(
            filters, key, name, "" if name.endswith("*") else sample.said(key, name, counts[name])
        )
        for name in listed
    ]


def _tags(filters: Filters, names: list[str]) -> list[Choice]:
    if filters.tag and filters.tag not in names:
        names.insert(0, filters.tag)
    return [_choice(filters, "tag", name) for name in names]


def _choice(filters: Filters, key: str, value: str, count: str = "") -> Choice:
    is_chosen = getattr(filters, key) == value
    return Choice(value, filters.changed(key, "" if is_chosen else value), is_chosen, count)
