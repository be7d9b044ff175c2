"""Payloads: arguments by name and results as text, without what is masked."""

from __future__ import annotations

from dataclasses import dataclass
from pprint import pformat
from typing import Any

from django.utils.translation import gettext

from dashboard import words
from taskhub.models import Task, TaskCatalog

ARGUMENT_LIMIT = 4_000
RESULT_LIMIT = 20_000
_POSITIONAL = ("positional_only", "positional_or_keyword")
_NAMED = ("positional_or_keyword", "keyword_only")


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument as it may be shown; of a masked one there is no text."""

    name: str
    text: str = ""
    is_masked: bool = False


class Signature:
    """The parameters of a task, as the catalog has them; empty for a task that it does not know."""

    def __init__(self, entry: TaskCatalog | None) -> None:
        listed = (
            entry.parameters if entry is not None and isinstance(entry.parameters, list) else []
        )
        kinds = {
            str(p["name"]): p.get("kind") for p in listed if isinstance(p, dict) and "name" in p
        }
        self.names = set(kinds)
        self.named = [name for name, kind in kinds.items() if kind in _NAMED]
        self.defaults = {
            str(p["name"]): str(p["default"])
            for p in listed
            if isinstance(p, dict) and "name" in p and "default" in p
        }
        self.positional = [name for name, kind in kinds.items() if kind in _POSITIONAL]
        self.more = next((name for name, kind in kinds.items() if kind == "var_positional"), None)
        self.keywords = next((name for name, kind in kinds.items() if kind == "var_keyword"), None)


def masked_names(task: Task, entry: TaskCatalog | None) -> set[str]:
    """Return the arguments never shown: those masked when the task was enqueued, and those declared sensitive now."""
    declared = [task.masked, entry.sensitive if entry is not None else None]
    return {str(name) for names in declared if isinstance(names, list) for name in names}


def arguments(task: Task, entry: TaskCatalog | None, limit: int = ARGUMENT_LIMIT) -> list[Argument]:
    """Return a task's arguments by name, positional ones first.

    A positional argument whose name cannot be told is masked too where one of the masked names may be meant by it.
    """
    masked, signature = masked_names(task, entry), Signature(entry)
    args, kwargs = task.args, task.kwargs
    if not isinstance(args, list) or not isinstance(kwargs, dict):  # a row that was damaged by hand
        damaged = [("args", args), ("kwargs", kwargs)]
        return [_argument(name, value, bool(masked), limit) for name, value in damaged]
    unplaced = masked - signature.names - set(kwargs)
    is_blind = bool(unplaced) and signature.keywords is None
    shown = []
    for index, value in enumerate(args):
        name, key = _place(signature, index)
        hidden = is_blind or key in masked or (key is None and bool(masked))
        shown.append(_argument(name, value, hidden, limit))
    for name, value in kwargs.items():
        hidden = name in masked or (name not in signature.names and signature.keywords in masked)
        shown.append(_argument(name, value, hidden, limit))
    return shown


def summary(task: Task, entry: TaskCatalog | None, limit: int = 160) -> str:
    """Return a task's arguments in one line, masked ones left out."""
    shown = (f"{a.name}={a.text}" for a in arguments(task, entry, limit) if not a.is_masked)
    return ", ".join(shown)[:limit]


def result_text(value: Any) -> str:
    """Return a result as Python would write it, over several lines where it is long."""
    text = repr(value)
    return _cut(
        text if len(text) > RESULT_LIMIT else pformat(value, width=88, sort_dicts=False),
        RESULT_LIMIT,
    )


def _place(signature: Signature, index: int) -> tuple[str, str | None]:
    """Return what a positional argument is called, and the parameter that takes it, if any does."""
    if index < len(signature.positional):
        return signature.positional[index], signature.positional[index]
    if signature.more is not None:
        return f"*{signature.more}[{index - len(signature.positional)}]", signature.more
    return gettext("argument %(n)s") % {"n": index + 1}, None


def _argument(name: str, value: Any, is_masked: bool, limit: int) -> Argument:
    return Argument(name, is_masked=True) if is_masked else Argument(name, _cut(repr(value), limit))


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    more = gettext("%(n)s more characters") % {"n": words.count(len(text) - limit)}
    return f"{text[:limit]}… {more}"
