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
    """Read a search: `key:value` words, quoted where they hold spaces; a bare word is a task's name, a number an id.

    What would have no effect is bad: a second value for a key, and an id that does not stand alone.
    """
    typed = Typed()
    for word in _WORD.finditer(text):
        key, value = word["key"], (word["value"] or "").strip('"')
        if key is None:
            _read_bare(word["bare"].strip('"'), typed)
        elif not value:
            typed.bad.append(Word(word[0], gettext("has no value")))
        elif key in KEYS or (key.startswith(ARGS) and len(key) > len(ARGS)):
            _put(typed, key, value, word[0])
        else:
            typed.bad.append(_unknown(word[0], key, value))
    if typed.task_id is not None and typed.values:
        said = gettext("is an id, which stands alone: no other word narrows one task")
        typed.bad.append(Word(str(typed.task_id), said))
    return typed


def _read_bare(text: str, typed: Typed) -> None:
    if text.isascii() and text.isdigit() and len(text) < 19:
        if typed.task_id not in (None, int(text)):
            said = gettext("is a second id; one task is shown at a time")
            typed.bad.append(Word(text, said))
        else:
            typed.task_id = int(text)
    elif text:
        _put(typed, "task", text, text)


def _put(typed: Typed, key: str, value: str, word: str) -> None:
    """Take a value, unless the key has another one already."""
    if (first := typed.values.setdefault(key, value)) == value:
        return
    said = gettext("is one too many: %(first)s stands there already")
    typed.bad.append(Word(word, said % {"first": f"{key}:{_quoted(first)}"}))


def _quoted(value: str) -> str:
    return f'"{value}"' if " " in value else value


def _unknown(text: str, key: str, value: str) -> Word:
    meant = _ALIASES.get(key.lower()) or next(iter(get_close_matches(key.lower(), KEYS, n=1)), "")
    if meant == ARGS:
        return Word(text, gettext("names no argument: args.NAME:VALUE"))
    problem = gettext("is no filter; there are %(names)s") % {"names": ", ".join(_names())}
    return Word(text, problem, f"{meant}:{_quoted(value)}" if meant else "")


def _names() -> Iterator[str]:
    yield from KEYS
    yield f"{ARGS}NAME"
