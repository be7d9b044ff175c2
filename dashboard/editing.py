"""Editing: a task's arguments as fields of a form, each with its value as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from dashboard import payloads, typed_json
from taskhub.models import Task, TaskCatalog


@dataclass(slots=True)
class Field:
    """One argument: `place` is its index or its name, `text` what stands in the field."""

    name: str
    place: int | str
    text: str
    is_masked: bool
    problem: str = ""

    @property
    def key(self) -> str:
        """The name of the form's field."""
        return f"arg-{self.place}"

    @property
    def rows(self) -> int:
        return min(12, max(1, self.text.count("\n") + 1, len(self.text) // 70 + 1))


def fields(task: Task, entry: TaskCatalog | None) -> list[Field]:
    """Return a field for each argument; a masked one is empty, and stays as it is.

    A row whose arguments were damaged by hand has none.
    """
    if not isinstance(task.args, list) or not isinstance(task.kwargs, dict):
        return []
    shown = payloads.arguments(task, entry)
    places: list[int | str] = [*range(len(task.args)), *task.kwargs]
    values = [*task.args, *task.kwargs.values()]
    return [
        Field(argument.name, place, "" if argument.is_masked else _text(value), argument.is_masked)
        for argument, place, value in zip(shown, places, values, strict=True)
    ]


def read(
    task: Task, found: list[Field], form: Mapping[str, str]
) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments as the form has them; each `problem` says what is wrong with a field."""
    args, kwargs = list(task.args), dict(task.kwargs)
    for field in found:
        if field.is_masked or field.key not in form:
            continue
        field.text = form[field.key]
        try:
            value = typed_json.read(field.text)
        except ValueError as error:
            said = gettext('is no JSON: %(error)s. Text stands in quotes: "…"')
            field.problem = said % {"error": error}
            continue
        if isinstance(field.place, int):
            args[field.place] = value
        else:
            kwargs[field.place] = value
    return args, kwargs


def changes(task: Task, args: list[Any], kwargs: Mapping[str, Any]) -> list[str]:
    """Name the arguments that differ from the task's own."""
    changed = [
        f"argument {n + 1}"
        for n, (old, new) in enumerate(zip(task.args, args, strict=True))
        if old != new
    ]
    return changed + [name for name, value in kwargs.items() if task.kwargs.get(name) != value]


def _text(value: Any) -> str:
    short = json.dumps(value, ensure_ascii=False)
    return short if len(short) <= 72 else json.dumps(value, ensure_ascii=False, indent=2)
