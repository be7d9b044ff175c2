"""Registration: the rows by which a worker and its children are known, and the signs of life in them."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any, cast

from django.db.models import Case, Field, Q, Value, When

from taskhub import __version__, registry
from taskhub.engines import get_engine
from taskhub.models import Worker
from taskhub.models.worker import WorkerKind
from taskhub.telling import tell_offline, tell_online
from workers.board import Child
from workers.options import WorkerOptions
from workers.statistics import Statistics


def worker(options: WorkerOptions, pid: int) -> int:
    """Write the row of a whole worker and announce it; return its id."""
    row = _create(
        kind=WorkerKind.WORKER, name=options.name, pid=pid, queues=sorted(options.queues.items()),
        tasks=[definition.identifier for definition in registry.all_definitions()], slots=options.slots,
    )  # fmt: skip
    tell_online(row)
    return row.pk


def child(parent_id: int, name: str, place: Child) -> int:
    """Write the row of the calling child process; return its id."""
    return _create(
        kind=place.kind, parent_id=parent_id, name=name, pid=os.getpid(), slots=len(place.slots)
    ).pk


def knows(worker_id: int, tasks: list[str]) -> None:
    """Write down the names of the tasks that a worker knows now."""
    Worker.objects.using(get_engine().alias).filter(pk=worker_id).update(tasks=tasks)


def heartbeat(signs: Mapping[int, Statistics]) -> None:
    """Write signs of life and statistics by id, in one statement; who was declared lost too early is back."""
    engine = get_engine()
    rows = Worker.objects.using(engine.alias).filter(pk__in=signs)
    # Who has signed off stays so: it may have done that after the caller saw it alive.
    rows = rows.filter(Q(stopped_at__isnull=True) | Q(is_lost=True))
    with engine.turn():
        rows.update(heartbeat_at=engine.clock(), stopped_at=None, is_lost=False, **_columns(signs))


def last_words(worker_id: int, statistics: Statistics, *, is_lost: bool = False) -> None:
    """Write the statistics of a process that has ended, or is about to; and, if so, that it was found dead."""
    engine = get_engine()
    end = {"stopped_at": engine.clock(), "is_lost": True} if is_lost else {}
    row = Worker.objects.using(engine.alias).filter(pk=worker_id)
    row.update(**statistics._asdict(), **end)


def _columns(signs: Mapping[int, Statistics]) -> dict[str, Case]:
    return {
        name: Case(
            *(When(pk=pk, then=Value(getattr(sign, name))) for pk, sign in signs.items()),
            output_field=cast("Field[Any, Any]", Worker._meta.get_field(name)),
        )
        for name in Statistics._fields
    }


def stopped(*ids: int) -> None:
    """Write down that these processes have left in good order."""
    engine = get_engine()
    Worker.objects.using(engine.alias).filter(pk__in=ids).update(stopped_at=engine.clock())


def sign_off(worker_id: int) -> None:
    """Write down that a whole worker has left in good order, and announce it."""
    stopped(worker_id)
    if row := Worker.objects.using(get_engine().alias).filter(pk=worker_id).first():
        tell_offline(row)


def _create(**columns: object) -> Worker:
    engine = get_engine()
    now = engine.now()
    return Worker.objects.using(engine.alias).create(
        host=socket.gethostname()[:255],
        version=__version__,
        started_at=now,
        heartbeat_at=now,
        **columns,
    )
