"""Handlers of events that a test asks a worker to have: they write down what they hear, and where."""

import os
import threading
import time

from taskhub import monitor, signals
from tests.app.models import Ledger


def _note(kind, task_id, detail):
    where = threading.current_thread().name
    Ledger.objects.create(task_id=task_id, note=f"{kind} {detail} {where}")


def _hear(kind):
    def receive(sender, task_result, **kwargs):
        _note(kind, int(task_result.id), f"{task_result.state} {task_result.attempts}")

    return receive


def raise_always(*args, **kwargs):
    raise RuntimeError("a handler of the site's failed")


def hang(result):
    time.sleep(600)


def register():
    for kind in ("task_succeeded", "task_failed", "task_retried", "task_cancelled", "task_expired"):
        signal = getattr(signals, kind)
        signal.connect(raise_always, weak=False)
        signal.connect(_hear(kind), weak=False)
    for name in ("started", "completed", "failed"):
        act = getattr(monitor, f"on_task_{name}")
        act(raise_always)
        act(lambda result, name=name: _note(f"on_{name}", int(result.id), result.state))
    monitor.on_worker_offline(
        lambda worker: _note("on_offline", 0, f"{worker.name} {worker.is_lost}")
    )
    signals.worker_online.connect(lambda worker, **_: _note("online", 0, worker.name), weak=False)


match os.environ.get("TASKHUB_TEST_HANDLERS"):
    case "write":
        register()
    case "hang":
        monitor.on_task_started(hang)
        monitor.on_task_completed(hang)
