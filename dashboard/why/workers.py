"""Workers: whether one can run the task, and whether it has a slot free."""

from __future__ import annotations

from django.utils.translation import gettext

from dashboard.why.check import NAMED, Check
from taskhub.models import Task
from taskhub.monitor import WorkerInfo


def capable(task: Task, workers: list[WorkerInfo], able: list[WorkerInfo]) -> Check:
    """Tell who of the `workers` is `able` to run it, or what is wrong with those that are not."""
    if able:
        said = (
            gettext("they take %(queue)s and know this task and %(n)s more:")
            if len(able) > NAMED
            else gettext("they take %(queue)s and know this task:")
        )
        return Check(
            gettext("A worker can run it"),
            said % {"queue": task.queue, "n": len(able) - NAMED},
            workers=able[:NAMED],
        )
    alive = [info for info in workers if info.is_healthy]
    taking = [
        info
        for info in alive
        if not info.worker.queue_names or task.queue in info.worker.queue_names
    ]
    knowing = [info for info in taking if task.name in info.worker.tasks]
    shown: list[WorkerInfo] = []
    if not alive:
        answer = gettext("no worker is running: start manage.py runworker")
    elif not taking:
        said = gettext(
            "nobody takes the queue %(queue)s: start manage.py runworker --queue %(queue)s"
        )
        answer = said % {"queue": task.queue}
    elif not knowing:
        answer, shown = gettext("who takes the queue does not have the code of this task:"), taking
    else:
        answer, shown = gettext("who could is quiet, or was told to stop:"), knowing
    return Check(
        gettext("No worker can run it"), answer, True, gettext("no worker can run it"), "failed", "plug",
        workers=shown[:NAMED],
    )  # fmt: skip


def busy(able: list[WorkerInfo]) -> Check:
    """Tell whether those that can have a slot free."""
    slots = sum(info.worker.slots for info in able)
    free = max(0, slots - sum(info.active for info in able))
    if free:
        return Check(
            gettext("A slot is free"), gettext("%(n)s of %(all)s") % {"n": free, "all": slots}
        )
    return Check(
        gettext("Every slot is busy"),
        gettext("%(n)s of %(all)s") % {"n": slots, "all": slots},
        True,
        gettext("every slot of its workers is busy"),
        "running",
        "running",
    )
