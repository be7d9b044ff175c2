"""Values: what those that a task waited for have returned, and how it becomes the task's arguments."""

from __future__ import annotations

from typing import Any

from taskhub.engines import get_engine
from taskhub.models import Dependency, Outcome, Result, Task
from taskhub.queue.kept_values import get_values


def load_values(task_id: int) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments that come before a task's own, and the values that it knows by name.

    The value of one that did not succeed is None. A few queries; not for coroutines.
    """
    alias = get_engine().alias
    form: Any = Task.objects.using(alias).values_list("inputs", flat=True).get(id=task_id)
    links = Dependency.objects.using(alias).filter(dependent_id=task_id).order_by("position")
    upstream = list(links.values_list("upstream_id", flat=True))
    if form == "id":
        return [str(upstream[0])], {}
    values = _values(alias, upstream)
    if form == "value":
        return [values[0]], {}
    if form == "list":
        return [values], {}
    first = [_fill(form["first"], values)] if "first" in form else []
    named = form.get("named", {}).items()
    return first, {name: _fill(shape, values) for name, shape in named}


def _values(alias: str, upstream: list[int]) -> list[Any]:
    found: dict[int, Any] = {}
    for start in range(0, len(upstream), 1000):
        part = Result.objects.using(alias).filter(
            task_id__in=upstream[start : start + 1000], outcome=Outcome.SUCCEEDED
        )
        found |= get_values(part.order_by("id").values_list("task_id", "claim_no", "value"))
    return [found.get(task_id) for task_id in upstream]


def _fill(form: Any, values: list[Any]) -> Any:
    if isinstance(form, int):
        return values[form]
    return [_fill(part, values) for part in form]
