"""Fitting: whether the call of a schedule fits its task, as the code of this process or the catalog knows it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from difflib import get_close_matches

from django.db.utils import Error
from django.utils import timezone

from taskhub import compat, registry
from taskhub.engines import queue_alias
from taskhub.errors import InvalidOption, ScheduleError, TaskhubError
from taskhub.models import Schedule, TaskCatalog
from taskhub.queue.birth import new_row
from taskhub.schedules.calls import arguments_of, definition_of, normalized


def check_call(schedule: Schedule) -> None:
    """Try the call without enqueueing it. Where this process lacks the code, the task's catalog entry must do.

    Raises:
        ScheduleError: names what does not fit.
    """
    normalized(schedule)
    args, kwargs = arguments_of(schedule)
    try:
        _check_arguments(_parameters(schedule.task), schedule)
        if registry.find(schedule.task) is not None:
            new_row(definition_of(schedule, timezone.now()), args, kwargs)
    except (ScheduleError, Error):
        raise
    except (InvalidOption, compat.InvalidTask) as error:
        raise ScheduleError(str(error), field="options") from error
    except Exception as error:  # the boundary around the task's functions that make keys
        told = str(error) if isinstance(error, TaskhubError) else f"{type(error).__name__}: {error}"
        raise ScheduleError(told, field="kwargs") from error


def _parameters(name: str) -> Iterable[inspect.Parameter]:
    """Return what a task's function takes, without the context, as its code or the catalog says."""
    definition = registry.find(name)
    if definition is not None:
        found = list(inspect.signature(definition.func).parameters.values())
        return found[1:] if definition.takes_context else found
    entries = TaskCatalog.objects.using(queue_alias())
    entry = entries.filter(name=name).first()
    if entry is None:
        known = [*entries.values_list("name", flat=True)]
        close = get_close_matches(name, known, n=2)
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise ScheduleError(f"task={name!r}: no task of this name is known.{hint}", field="task")
    return [
        inspect.Parameter(
            one["name"],
            getattr(inspect.Parameter, one["kind"].upper()),
            default=one.get("default", inspect.Parameter.empty),
        )
        for one in entry.parameters
    ]


def _check_arguments(parameters: Iterable[inspect.Parameter], schedule: Schedule) -> None:
    signature = inspect.Signature(list(parameters))
    try:
        signature.bind(*schedule.args, **schedule.kwargs)
    except TypeError as error:
        raise ScheduleError(
            f"The arguments do not fit {schedule.task}{signature}: {error}.", field="kwargs"
        ) from error
