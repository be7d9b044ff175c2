"""Template tags for the pages of the host site: `{% load taskhub %}`, then `{% taskhub_progress result %}`."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.translation import get_language, gettext

from dashboard import script_words
from dashboard.live.topics import Visit
from dashboard.visits.tokens import DAY, token_of
from dashboard.visits.words import Standing, standing_of
from taskhub import monitor
from taskhub.models import Task

register = template.Library()


@register.inclusion_tag("dashboard/visit/progress.html")
def taskhub_progress(
    result: Any, title: str = "", *, with_result: bool = False, expires_in: float = DAY
) -> dict[str, Any]:
    """Show how far a task is, live, to whoever sees the page: no login is needed, the tag grants the view.

    `result` is an AsyncResult or the id of a task; `title` what the page calls it ("Your import is waiting").
    What it says is in the language that is active now, also later on.
    `with_result=True` lets the page's scripts see what the task returned. The grant ends after `expires_in` seconds.
    """
    task_id = int(getattr(result, "id", result))
    visit = Visit(task_id, str(title) or gettext("task"), with_result, get_language() or "")
    return {
        "token": token_of(visit, expires_in=expires_in),
        "standing": _standing(visit),
        "words": script_words.of_progress(),
    }


def _standing(visit: Visit) -> Standing:
    task = monitor.tasks().filter(pk=visit.task_id).select_related("progress").first()
    if not isinstance(task, Task):
        return Standing(
            state="expired", heading=gettext("This is not kept any more"), is_over=True,
            detail=gettext("Your %(title)s has ended, or its page has not been saved yet.")
            % {"title": visit.title},
        )  # fmt: skip
    return standing_of(task, visit)
