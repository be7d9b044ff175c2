"""Filters: which tasks a list shows, as its URL says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from urllib.parse import urlencode

from django.utils.translation import gettext

from dashboard import spans
from taskhub.states import TaskState
from taskhub.text import is_storable

KEYS = (
    "state",
    "queue",
    "task",
    "tag",
    "error",
    "worker",
    "since",
    "parent",
    "workflow",
    "fingerprint",
)
ARGS = "args."
PAYLOADS = ("error", "args")  # what only those with `view_payloads` may search
_DAY = re.compile(r"\d[-./]\d")  # a day was meant, and nobody can tell which


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter as the search shows it, with the URL of the list without it, and of the list with it mended."""

    key: str
    value: str
    without: str
    problem: str = ""
    mend: str = ""
    mended: str = ""

    @property
    def meant(self) -> str:
        """The filter with what was probably meant, as somebody would type it."""
        return f"{self.key}:{self.mend}"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a filter matches nothing; `mend` is the value that was probably meant."""

    text: str
    mend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a list is narrowed to; an empty string does not narrow. A task's name may end in `*`.

    `args` are names of arguments with their values as typed.
    """

    state: str = ""
    queue: str = ""
    task: str = ""
    tag: str = ""
    error: str = ""
    worker: str = ""
    since: str = ""
    parent: str = ""
    workflow: str = ""
    fingerprint: str = ""
    args: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filters:
        args = {
            key.removeprefix(ARGS): value.strip()
            for key, value in query.items()
            if key.startswith(ARGS) and value.strip()
        }
        plain = {key: query.get(key, "").strip() for key in KEYS}
        return cls(**plain, args=tuple(sorted(args.items())))

    def items(self) -> Iterator[tuple[str, str]]:
        """Yield what narrows."""
        for key in KEYS:
            if value := getattr(self, key):
                yield key, value
        for name, value in self.args:
            yield f"{ARGS}{name}", value

    def payloads(self) -> list[str]:
        """Return the keys of what only those may search who may see payloads."""
        return [key for key, _ in self.items() if key.partition(".")[0] in PAYLOADS]

    def problems(self) -> dict[str, Problem]:
        """Say what cannot match anything, by key."""
        found = {
            key: Problem(gettext("holds a character that no task can have"))
            for key, value in self.items()
            if not (is_storable(value) and is_storable(key))
        }
        if self.state and self.state not in set(TaskState):
            close = get_close_matches(self.state.lower(), list(TaskState), n=1)
            found["state"] = Problem(
                gettext("is none of %(states)s") % {"states": ", ".join(TaskState)},
                close[0] if close else "",
            )
        if self.since and spans.parse(self.since) is None:
            found["since"] = Problem(
                gettext("is no span; expected 30m, 2h, 3d or a day such as 2026-11-24"),
                "" if _DAY.search(self.since) else spans.guess(self.since),
            )
        for key in ("parent", "workflow"):
            value = getattr(self, key)
            if value and not _is_id(value):
                found[key] = Problem(gettext("is no id; expected a whole number"))
        for name, _ in self.args:
            if not name.isidentifier():
                found[f"{ARGS}{name}"] = Problem(gettext("names no argument"))
        return found

    def chips(self, refused: Mapping[str, Problem]) -> list[Chip]:
        """Return the filters as the search shows them; `refused` are problems that lie with the person."""
        problems = {**self.problems(), **refused}
        chips = []
        for key, value in self.items():
            problem = problems.get(key, Problem(""))
            mended = self._with(key, problem.mend).url() if problem.mend else ""
            chips.append(
                Chip(key, value, self._with(key, "").url(), problem.text, problem.mend, mended)
            )
        return chips

    def url(self, **more: str | int) -> str:
        """Return the query part of the URL of this list, for a link on its page."""
        return "?" + urlencode([*self.items(), *more.items()])

    def changed(self, key: str, value: str) -> str:
        """Return the URL of the list with one filter changed."""
        return self._with(key, value).url()

    @property
    def words(self) -> str:
        """Write it as somebody would type it."""
        return " ".join(
            f'{key}:"{value}"' if " " in value else f"{key}:{value}" for key, value in self.items()
        )

    def _with(self, key: str, value: str) -> Filters:
        if not key.startswith(ARGS):
            return Filters.of({**dict(self.items()), key: value})
        others = {name: old for name, old in self.args if f"{ARGS}{name}" != key}
        if value:
            others[key.removeprefix(ARGS)] = value
        return replace(self, args=tuple(sorted(others.items())))


def _is_id(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) < 19
