"""Health: a few quick questions whose answers say whether tasks are being run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.migrations.executor import MigrationExecutor
from django.db.utils import Error

from taskhub import capability, conf, schedules
from taskhub.capability import Waiting
from taskhub.engines import Engine, get_engine
from taskhub.models import Worker

_NAMED = 5  # tasks or schedules that a message names


@dataclass(frozen=True, slots=True)
class Check:
    """One question and its answer, in words."""

    name: str
    is_ok: bool
    message: str


def checks() -> list[Check]:
    """Ask everything, in a dozen statements and one for each queue; what an answer rules out is not asked."""
    found: list[Check] = []
    try:
        found += _checks()
    except Error as error:
        return [Check("database", False, str(error).strip())]
    return found


def _checks() -> Iterator[Check]:
    engine = get_engine()
    engine.ping()
    yield Check("database", True, f"{engine.vendor} answers")
    yield (migrations := _migrations(engine))
    if not migrations.is_ok:
        return
    now = engine.now()
    yield _workers()
    yield _maintenance(engine, now)
    yield _schedules(now)
    groups = capability.waiting()
    yield _wait(groups, now)
    yield _capability(groups, now)


def _migrations(engine: Engine) -> Check:
    executor = MigrationExecutor(engine.connection)
    targets = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "taskhub"]
    missing = len(executor.migration_plan(targets))
    if missing:
        what = f"{missing} not applied: run manage.py migrate --database {engine.alias}"
        return Check("migrations", False, what)
    return Check("migrations", True, "all applied")


def _workers() -> Check:
    alive = capability.living_workers().count()
    what = f"{alive} alive" if alive else "none is alive: start manage.py runworker"
    return Check("workers", bool(alive), what)


def _maintenance(engine: Engine, now: datetime) -> Check:
    """Look for what a worker's maintenance would not have left: tasks overdue for their queue, the dead unburied."""
    patience = 2 * max(conf.get().lease, conf.get().poll_interval)
    overdue = -(engine.upcoming()[0] or 0.0)
    if overdue > patience:
        what = f"a task that waited for its time is overdue by {overdue:.0f} s; nobody queues it"
        return Check("maintenance", False, what)
    limit = now - timedelta(seconds=patience)
    silent = Worker.objects.using(engine.alias).filter(
        stopped_at__isnull=True, heartbeat_at__lt=limit
    )
    if number := silent.count():
        what = f"{number} processes are silent for more than {patience:g} s; nobody rescues their tasks"
        return Check("maintenance", False, what)
    return Check("maintenance", True, "nothing is overdue")


def _schedules(now: datetime) -> Check:
    late = schedules.late(2 * max(conf.get().lease, conf.get().poll_interval), now)
    if not late:
        return Check("schedules", True, "none is overdue")
    named = ", ".join(f"{one.name} by {seconds:.0f} s" for one, seconds in late[:_NAMED])
    more = f" and {len(late) - _NAMED} more" if len(late) > _NAMED else ""
    return Check("schedules", False, f"overdue, and no worker fires them: {named}{more}")


def _wait(groups: list[Waiting], now: datetime) -> Check:
    longest = max(((now - group.oldest_at).total_seconds() for group in groups), default=0.0)
    limit = conf.get().health_max_wait
    if longest > limit:
        what = f"a queued task waits for {longest:.0f} s; expected {limit:g} at most (TASKHUB['HEALTH_MAX_WAIT'])"
        return Check("wait", False, what)
    return Check("wait", True, f"the longest is {max(0.0, longest):.0f} s")


def _capability(groups: list[Waiting], now: datetime) -> Check:
    """Look for tasks that wait for a worker that is not there, except that one may be starting just now."""
    limit = now - timedelta(seconds=conf.get().lease)
    stranded = [
        group for group in capability.tasks_without_worker(groups) if group.oldest_at < limit
    ]
    if not stranded:
        return Check("capability", True, "every queued task has a worker that can run it")
    names = ", ".join(f"{one.name} in {one.queue}" for one in stranded[:_NAMED])
    more = f" and {len(stranded) - _NAMED} more" if len(stranded) > _NAMED else ""
    return Check("capability", False, f"no living worker can run {names}{more}")
