"""Orders: what an operator tells a worker. It is on the worker's row; a wake-up tells the worker to read it."""

from __future__ import annotations

from taskhub.engines import get_engine
from taskhub.engines.wakeups import Kind
from taskhub.errors import WorkerStopped
from taskhub.models import Worker, WorkerOrder
from taskhub.models.worker import WorkerKind


def quiet_worker(worker_id: int) -> Worker:
    """Let a worker claim nothing more; what runs goes on. See `wake_worker`.

    Raises:
        Worker.DoesNotExist: no such worker. WorkerStopped: it has left, or was told to.
    """
    return _order(worker_id, WorkerOrder.QUIET)


def wake_worker(worker_id: int) -> Worker:
    """Let a quiet worker claim again; raises as `quiet_worker` does."""
    return _order(worker_id, WorkerOrder.WORK)


def stop_worker(worker_id: int) -> Worker:
    """Let a worker end as after SIGTERM: it gives running tasks their time, gives the rest back, and leaves.

    What started it may start another. Raises as `quiet_worker` does.
    """
    return _order(worker_id, WorkerOrder.STOP)


def _order(worker_id: int, order: WorkerOrder) -> Worker:
    engine = get_engine()
    workers = Worker.objects.using(engine.alias).filter(kind=WorkerKind.WORKER, pk=worker_id)
    listening = workers.filter(stopped_at__isnull=True).exclude(order=WorkerOrder.STOP)
    if not listening.update(order=order, ordered_at=engine.clock()):
        row = workers.get()
        how = "was told to stop" if row.stopped_at is None else "has stopped"
        raise WorkerStopped(
            f"Worker {row.name} {how}; expected one that works, to tell it to {order or 'work'}."
        )
    engine.notify(Kind.CONTROL)
    return workers.get()
