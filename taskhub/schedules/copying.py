"""Copying: a schedule to start from, with a name of its own."""

from __future__ import annotations

from itertools import count

from taskhub.engines import get_engine
from taskhub.models import Schedule
from taskhub.option_rules import MAX_NAME
from taskhub.schedules.editing import save
from taskhub.schedules.reading import get


def duplicate(name: str) -> Schedule:
    """Make a disabled copy, “NAME (copy)”, of a schedule; of one that the code declares it is a person's own.

    Raises:
        ScheduleError: there is none of this name, or it cannot be kept any more.
    """
    original = get(name)
    values = {field.name: getattr(original, field.name) for field in Schedule._meta.fields}
    for column in _NOT_COPIED:
        del values[column]
    return save(Schedule(**values, name=_free_name(name), enabled=False))


_NOT_COPIED = (
    "id", "name", "enabled", "disabled_by", "disabled_reason", "is_from_code", "next_due_at", "requested_at",
    "open_tasks", "created_at", "updated_at",
)  # fmt: skip


def _free_name(name: str) -> str:
    rows = Schedule.objects.using(get_engine().alias)
    for number in count(1):
        end = " (copy)" if number == 1 else f" (copy {number})"
        copy = f"{name[: MAX_NAME - len(end)]}{end}"
        if not rows.filter(name=copy).exists():
            return copy
    raise AssertionError("unreachable")
