"""Editing: a task's arguments as fields of a form, each with its value as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from dashboard import payloads, typed_json
from taskhub.errors import InvalidArguments
from taskhub.models import Task, TaskCatalog
from taskhub.payload import normalize


@dataclass(slots=True)
class Field:
    """One argument: `place` is its index or its name, `text` what stands in the field.

    `recorded` is its name for the audit log. One that was not given has its `default` as Python would write it.
    """

    name: str
    place: int | str
    text: str
    is_masked: bool
    recorded: str = ""
    is_given: bool = True
    default: str = ""
    problem: str = ""

    @property
    def key(self) -> str:
        """The name of the form's field."""
        return f"arg-{self.place}"

    @property
    def rows(self) -> int:
        return min(12, max(1, self.text.count("\n") + 1, len(self.text) // 70 + 1))


def fields(task: Task, entry: TaskCatalog | None) -> list[Field]:
    """Return a field for each argument, and an empty one for each parameter that was not given.

    A masked one is empty, and stays as it is. A row whose arguments were damaged by hand has none.
    """
    if not isinstance(task.args, list) or not isinstance(task.kwargs, dict):
        return []
    signature = payloads.Signature(entry)
    shown = payloads.arguments(task, entry)
    places: list[int | str] = [*range(len(task.args)), *task.kwargs]
    values = [*task.args, *task.kwargs.values()]
    given = [
        Field(
            argument.name,
            place,
            "" if argument.is_masked else _text(value),
            argument.is_masked,
            _recorded(argument.name, place, signature),
        )
        for argument, place, value in zip(shown, places, values, strict=True)
    ]
    return given + _not_given(task, entry, signature)


def _not_given(task: Task, entry: TaskCatalog | None, signature: payloads.Signature) -> list[Field]:
    taken = {*signature.positional[: len(task.args)], *task.kwargs}
    taken |= payloads.masked_names(task, entry)
    return [
        Field(name, name, "", False, name, False, signature.defaults.get(name, ""))
        for name in signature.named
        if name not in taken
    ]


def _recorded(name: str, place: int | str, signature: payloads.Signature) -> str:
    """Return the name for the audit log, which is English also where the page's name for a place is not."""
    is_named = isinstance(place, str) or place < len(signature.positional) or signature.more
    return name if is_named or isinstance(place, str) else f"argument {place + 1}"


def read(
    task: Task, found: list[Field], form: Mapping[str, str]
) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments as the form has them; each `problem` says what is wrong with a field."""
    args, kwargs = list(task.args), dict(task.kwargs)
    for field in found:
        if field.is_masked or field.key not in form:
            continue
        field.text = form[field.key]
        if not field.is_given and not field.text.strip():
            continue
        try:
            value = normalize(typed_json.read(field.text), field.recorded)
        except InvalidArguments as error:
            field.problem = str(error).removesuffix(".")
            continue
        except ValueError as error:
            said = gettext('is no JSON: %(error)s. Text stands in quotes: "…"')
            field.problem = said % {"error": error}
            continue
        if isinstance(field.place, int):
            args[field.place] = value
        else:
            kwargs[field.place] = value
    return args, kwargs


def changes(
    task: Task, found: list[Field], args: list[Any], kwargs: Mapping[str, Any]
) -> list[str]:
    """Name the arguments that differ from the task's own, as the audit log has them."""
    return [
        field.recorded
        for field in found
        if _at(field.place, task.args, task.kwargs) != _at(field.place, args, kwargs)
    ]


def _at(place: int | str, args: list[Any], kwargs: Mapping[str, Any]) -> str:
    """Return an argument as text, which tells 1 from true; "" where it is not given."""
    if isinstance(place, int):
        return _text(args[place])
    return _text(kwargs[place]) if place in kwargs else ""


def _text(value: Any) -> str:
    short = json.dumps(value, ensure_ascii=False)
    return short if len(short) <= 72 else json.dumps(value, ensure_ascii=False, indent=2)
