"""Registration: the rows by which a worker and its children are known."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection

from taskhub import __version__, registry
from taskhub.engines import get_engine
from taskhub.models import Worker
from taskhub.models.worker import WorkerKind
from taskhub.signals import worker_online
from workers.options import WorkerOptions


def worker(options: WorkerOptions, pid: int) -> int:
    """Write the row of a whole worker and announce it; return its id."""
    row = _create(
        kind=WorkerKind.WORKER, name=options.name, pid=pid, queues=sorted(options.queues.items()),
        tasks=[definition.identifier for definition in registry.all_definitions()], slots=options.processes,
    )  # fmt: skip
    worker_online.send_robust(sender=Worker, worker=row)
    return row.pk


def child(parent_id: int, name: str) -> int:
    """Write the row of the calling child process; return its id."""
    return _create(
        kind=WorkerKind.EXECUTOR, parent_id=parent_id, name=name, pid=os.getpid(), slots=1
    ).pk


def heartbeat(ids: Collection[int]) -> None:
    """Write a sign of life of these processes; whoever was declared lost too early is back."""
    engine = get_engine()
    rows = Worker.objects.using(engine.alias).filter(pk__in=ids)
    rows.update(heartbeat_at=engine.clock(), stopped_at=None, is_lost=False)


def stopped(*ids: int) -> None:
    """Write down that these processes have left in good order."""
    engine = get_engine()
    Worker.objects.using(engine.alias).filter(pk__in=ids).update(stopped_at=engine.clock())


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
