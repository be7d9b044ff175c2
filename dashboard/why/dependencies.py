"""Dependencies: the tasks of its workflow that it waits for."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext, ngettext

from dashboard import words
from dashboard.why.check import NAMED, Check
from dashboard.words import CAP
from taskhub import monitor
from taskhub.engines import queue_alias
from taskhub.models import Dependency, Met, Need, Task


def dependencies(task: Task) -> Iterator[Check]:
    """Tell of the tasks that it depends on, where there are any."""
    needs = Dependency.objects.using(queue_alias()).filter(dependent=task)
    total = needs.order_by().values("pk")[: CAP + 1].count()
    if not total:
        return
    open_ids = (
        needs.filter(state=Met.WAITS).order_by("position").values_list("upstream_id", flat=True)
    )
    waits = list(monitor.tasks().filter(id__in=list(open_ids[:NAMED])).only("id", "name", "state"))
    if task.unmet:
        need = needs.filter(state=Met.WAITS).values_list("need", flat=True).first()
        answer, what = _unmet(Need(need) if need else Need.END, task.unmet)
        shown = {"n": words.count(task.unmet), "all": words.capped(total)}
        yield Check(
            gettext("It waits for other tasks"), answer % shown, True, what % {"n": words.capped(task.unmet)},
            "pending", "pending", tasks=waits,
        )  # fmt: skip
    else:
        yield Check(
            gettext("What it depends on is done"),
            gettext("%(n)s of %(all)s") % dict.fromkeys(("n", "all"), words.capped(total)),
        )


def _unmet(need: Need, number: int) -> tuple[str, str]:
    """Return the evidence and the verdict, both with %(n)s left open."""
    match need:
        case Need.SUCCESS:
            return gettext("%(n)s of %(all)s have not succeeded:"), ngettext(
                "%(n)s task before it has not succeeded",
                "%(n)s tasks before it have not succeeded",
                number,
            )
        case Need.FAILURE:
            return gettext("%(n)s of %(all)s have not failed:"), ngettext(
                "%(n)s task before it has not failed",
                "%(n)s tasks before it have not failed",
                number,
            )
    return gettext("%(n)s of %(all)s have not ended:"), ngettext(
        "%(n)s task before it has not ended", "%(n)s tasks before it have not ended", number
    )
