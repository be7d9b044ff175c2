"""Origin: whether there is code that declares a schedule, here or where another worker runs."""

from __future__ import annotations

from datetime import timedelta

from taskhub import conf, registry
from taskhub.engines import get_engine
from taskhub.models import DisabledBy, Schedule, Worker
from taskhub.models.worker import WorkerKind

_PATIENCE = 300.0  # seconds for which a worker may be away, and come back with its code


def patience() -> timedelta:
    """Return how long a worker may be away before its code counts as gone."""
    return timedelta(seconds=max(_PATIENCE, 10 * conf.get().lease))


def known_elsewhere() -> set[str]:
    """Return the names of the tasks of which a worker has the code that lives, or has lived a moment ago."""
    engine = get_engine()
    rows = Worker.objects.using(engine.alias).filter(kind=WorkerKind.WORKER)
    lately = rows.filter(heartbeat_at__gte=engine.now() - patience())
    return {name for tasks in lately.values_list("tasks", flat=True) for name in tasks}


def is_declared(schedule: Schedule) -> bool:
    """Tell whether a schedule from code would come back: this code declares it, or a worker's may."""
    if not schedule.is_from_code or schedule.disabled_by in (DisabledBy.CODE, DisabledBy.MISSING):
        return False
    definition = registry.find(schedule.task)
    if definition is not None:
        return definition.schedule is not None
    return schedule.task in known_elsewhere()
