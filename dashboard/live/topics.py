"""Topics: what can be watched. Those who see the same of it share one topic, hence one reading and one rendering."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.permissions import Permission, User, has
from taskhub import conf


@dataclass(frozen=True, slots=True)
class Audience:
    """People who see the same: the permissions that they hold, their language, and the prefix of the site for them.

    `person` is the id of the only one, where TASKHUB["DASHBOARD_ACCESS"] decides by the person.
    """

    permissions: frozenset[str]
    prefix: str = ""
    person: str = ""
    language: str = ""

    @classmethod
    def of(cls, user: User, prefix: str) -> Audience:
        """Return the audience that a person belongs to; their language is known when they say what they watch."""
        held = frozenset(one.value for one in Permission if has(user, one))
        return cls(held, prefix.rstrip("/"), str(user.pk) if conf.get().dashboard_access else "")

    def may(self, permission: Permission) -> bool:
        return permission.value in self.permissions


@dataclass(frozen=True, slots=True)
class Page:
    """The regions of a page; `path` is what follows the prefix, with its query."""

    path: str
    audience: Audience


@dataclass(frozen=True, slots=True)
class Row:
    """A task as a line of the list."""

    task_id: int
    audience: Audience


@dataclass(frozen=True, slots=True)
class Newest:
    """The ids of the newest tasks of a list; `query` is that of its URL."""

    query: str
    audience: Audience


@dataclass(frozen=True, slots=True)
class Visit:
    """A task as one of the host's visitors may see it."""

    task_id: int
    title: str
    with_result: bool
    language: str = ""


Topic = Page | Row | Newest | Visit
