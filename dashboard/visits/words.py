"""Words: where a task stands, as its owner reads it: no word of queues, and never an error's text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext, ngettext

from dashboard.live.languages import speaking
from dashboard.live.topics import Topic, Visit
from taskhub import get_result, monitor
from taskhub.compat import TaskResultDoesNotExist
from taskhub.errors import ResultEvicted, ResultUnavailable
from taskhub.models import Task
from taskhub.states import FINISHED, TaskState


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a visitor is told. `fraction` is 0…1, or None while nobody can say."""

    state: str
    heading: str
    detail: str = ""
    aside: str = ""
    fraction: float | None = None
    is_over: bool = False
    result: Any = None

    @property
    def percent(self) -> str:
        return "" if self.fraction is None else f"{int(self.fraction * 100)}%"


def visits_of(visits: Iterable[Visit]) -> dict[Topic, Mapping[str, Any] | None]:
    """Return what these visitors are told, None for tasks that are not kept any more."""
    wanted = list(visits)
    if not wanted:
        return {}
    ids = {one.task_id for one in wanted}
    tasks = {
        task.pk: task for task in monitor.tasks().filter(pk__in=ids).select_related("progress")
    }
    return {
        one: {"": told(tasks[one.task_id], one)} if one.task_id in tasks else None for one in wanted
    }


def told(task: Task, visit: Visit) -> dict[str, Any]:
    """Return a visitor's view as JSON carries it, in the language of the page that showed it first."""
    with speaking(visit.language):
        standing = standing_of(task, visit)
    return {**asdict(standing), "percent": standing.percent}


def standing_of(task: Task, visit: Visit) -> Standing:
    state, progress = TaskState(task.state), getattr(task, "progress", None)
    heading, detail, aside = _words(task, visit.title, progress.message if progress else "")
    fraction = None
    if state in (TaskState.RUNNING, TaskState.RETRYING):
        fraction = progress.fraction if progress else monitor.task_progress(task.pk) or None
    return Standing(
        state=state.value, heading=heading, detail=detail, aside=aside, fraction=fraction,
        is_over=state in FINISHED, result=_result(task) if visit.with_result else None,
    )  # fmt: skip


def _result(task: Task) -> Any:
    if task.state != TaskState.SUCCEEDED:
        return None
    try:
        return get_result(str(task.pk)).return_value
    except (TaskResultDoesNotExist, ValueError, ResultEvicted, ResultUnavailable):
        return None


def _words(task: Task, title: str, message: str) -> tuple[str, str, str]:
    """Return heading, detail and aside."""
    name, reference = (
        {"title": title or gettext("task")},
        gettext("Reference %(id)s") % {"id": task.pk},
    )
    match TaskState(task.state):
        case TaskState.PENDING:
            waiting = gettext("Your %(title)s is waiting for its time") % name
            return waiting, gettext("It starts by itself."), ""
        case TaskState.QUEUED:
            soon = gettext("It starts as soon as those before it are done.")
            return gettext("Your %(title)s is waiting") % name, soon, ""
        case TaskState.RUNNING:
            working = gettext("Working on your %(title)s") % name
            return working, message or gettext("It has started."), ""
        case TaskState.RETRYING:
            detail = gettext("Something did not answer. Nothing is lost.")
            return gettext("Trying again in a moment"), detail, _tries(task.attempt)
        case TaskState.SUCCEEDED:
            return gettext("Your %(title)s is done") % name, message, ""
        case TaskState.CANCELLED:
            cancelled = gettext("Your %(title)s was cancelled") % name
            return cancelled, gettext("Nothing more happens."), reference
        case TaskState.EXPIRED:
            late = gettext("Your %(title)s could not start in time.") % name
            return gettext("Too late to start"), late, reference
    failed = gettext("Your %(title)s did not work") % name
    return failed, gettext("Tell us the reference, and we look into it."), reference


def _tries(number: int) -> str:
    return ngettext("%(n)s try so far", "%(n)s tries so far", number) % {"n": number}
