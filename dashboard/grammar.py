"""Grammar: what somebody types into the search, read word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches

from django.utils.translation import gettext

from dashboard.filters import ARGS, KEYS, Filters

_WORD = re.compile(r'(?P<key>[^\s:"]+):(?P<value>"[^"]*"?|\S*)|(?P<bare>"[^"]*"?|\S+)')
_ALIASES = {
    "name": "task",
    "status": "state",
    "args": ARGS,
    "exception": "error",
    "tags": "tag",
    "queues": "queue",
}


@dataclass(frozen=True, slots=True)
class Word:
    """A word that cannot be used, why, and the one that was probably meant."""

    text: str
    problem: str
    mend: str = ""


@dataclass(slots=True)
class Typed:
    """What was typed: the filters in it, the words that are none, and the id where it is one."""

    values: dict[str, str] = field(default_factory=dict)
    bad: list[Word] = field(default_factory=list)
    task_id: int | None = None

    def over(self, filters: Filters) -> Filters:
        """Return `filters` with these on top."""
        return Filters.of({**dict(filters.items()), **self.values})


def read(text: str) -> Typed:
    """Read a search: `key:value` words, quoted where they hold spaces; a bare word is a task's name, a number an id."""
    typed = Typed()
    for word in _WORD.finditer(text):
        key, value = word["key"], (word["value"] or "").strip('"')
        if key is None:
            _read_bare(word["bare"].strip('"'), typed)
        elif not value:
            typed.bad.append(Word(word[0], gettext("has no value")))
        elif key in KEYS or (key.startswith(ARGS) and len(key) > len(ARGS)):
            typed.values[key] = value
        else:
            typed.bad.append(_unknown(word[0], key, value))
    return typed


def _read_bare(text: str, typed: Typed) -> None:
    if text.isascii() and text.isdigit() and len(text) < 19:
        typed.task_id = int(text)
    elif text:
        typed.values["task"] = text


def _unknown(text: str, key: str, value: str) -> Word:
    shown = f'"{value}"' if " " in value else value
    meant = _ALIASES.get(key.lower()) or next(iter(get_close_matches(key.lower(), KEYS, n=1)), "")
    if meant == ARGS:
        return Word(text, gettext("names no argument: args.NAME:VALUE"))
    problem = gettext("is no filter; there are %(names)s") % {"names": ", ".join(_names())}
    return Word(text, problem, f"{meant}:{shown}" if meant else "")


def _names() -> Iterator[str]:
    yield from KEYS
    yield f"{ARGS}NAME"
