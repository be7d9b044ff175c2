"""Python: a task as the call that would enqueue it again, to paste into a shell."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext

from dashboard import payloads
from taskhub.models import Task, TaskCatalog

_LIMIT = 20_000


def call(task: Task, entry: TaskCatalog | None) -> str:
    """Return the import and the call; masked arguments are left open, as `...`."""
    if not isinstance(task.args, list) or not isinstance(task.kwargs, dict):
        said = gettext("The arguments of this row were damaged by hand.")
        return f"# {said}"
    shown = payloads.arguments(task, entry, _LIMIT)
    texts = ["..." if one.is_masked else one.text for one in shown]
    args, kwargs = texts[: len(task.args)], texts[len(task.args) :]
    named = [(name, text) for name, text in zip(task.kwargs, kwargs, strict=True)]
    if all(name.isidentifier() for name, _ in named):
        written = ", ".join([*args, *(f"{name}={text}" for name, text in named)])
    else:
        pairs = ", ".join(f"{name!r}: {text}" for name, text in named)
        written = ", ".join([*args, f"**{{{pairs}}}"])
    return f"{_head(task, entry)}.enqueue({written})"


def _head(task: Task, entry: TaskCatalog | None) -> str:
    using = _using(task, entry)
    module, _, function = (entry.module_path if entry is not None else "").rpartition(".")
    if module and function.isidentifier():
        return f"from {module} import {function}\n\n{function}{using}"
    return f"from taskhub import registry\n\nregistry.get({task.name!r}){using}"


def _using(task: Task, entry: TaskCatalog | None) -> str:
    usual = entry.defaults if entry is not None and isinstance(entry.defaults, dict) else {}
    options: dict[str, Any] = {}
    if entry is None or task.queue != entry.queue:
        options["queue_name"] = task.queue
    if task.priority != usual.get("priority", 0):
        options["priority"] = task.priority
    return f".using({', '.join(f'{k}={v!r}' for k, v in options.items())})" if options else ""
