"""Filters: which tasks a list shows, as its URL says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.db.models import QuerySet

from dashboard.reading import in_state
from taskhub.models import Task
from taskhub.states import TaskState
from taskhub.text import is_storable

KEYS = ("state", "queue", "task", "tag")


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter as the search shows it, with the URL of the list without it."""

    key: str
    value: str
    without: str
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a list is narrowed to; an empty string does not narrow. A task's name may end in `*`."""

    state: str = ""
    queue: str = ""
    task: str = ""
    tag: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filters:
        return cls(**{key: query.get(key, "").strip() for key in KEYS})

    def items(self) -> Iterator[tuple[str, str]]:
        """Yield what narrows."""
        return ((key, value) for key in KEYS if (value := getattr(self, key)))

    def problems(self) -> dict[str, str]:
        """Say what cannot match anything, by key."""
        found = {
            key: "holds a character that no task can have"
            for key, v in self.items()
            if not is_storable(v)
        }
        if self.state and self.state not in set(TaskState):
            found["state"] = f"is none of {', '.join(TaskState)}"
        return found

    def chips(self) -> list[Chip]:
        problems = self.problems()
        return [
            Chip(k, v, replace(self, **{k: ""}).url(), problems.get(k, "")) for k, v in self.items()
        ]

    def url(self, **more: str | int) -> str:
        """Return the query part of the URL of this list, for a link on its page."""
        return "?" + urlencode([*self.items(), *more.items()])

    def changed(self, key: str, value: str) -> str:
        """Return the URL of the list with one filter changed."""
        return replace(self, **{key: value}).url()

    def narrow(self, tasks: QuerySet[Task], *, by_state: bool = True) -> QuerySet[Task]:
        """Narrow `tasks`; to nothing where a filter cannot match anything."""
        problems = self.problems()
        if not by_state:
            problems.pop("state", None)
        if problems:
            return tasks.none()
        if self.state and by_state:
            tasks = in_state(tasks, TaskState(self.state))
        if self.queue:
            tasks = tasks.filter(queue=self.queue)
        if self.task.endswith("*"):
            tasks = tasks.filter(name__startswith=self.task[:-1])
        elif self.task:
            tasks = tasks.filter(name=self.task)
        if self.tag:
            tasks = tasks.filter(tags__name=self.tag)
        return tasks
