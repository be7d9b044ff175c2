"""Rows as the queue leaves them, made directly: the dashboard reads rows and nothing else."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from taskhub.models import Outcome, Result, Task, TaskCatalog, TaskTag, Worker
from taskhub.models.worker import WorkerKind
from taskhub.states import FINISHED, TaskState, WaitsFor


def ago(seconds: float) -> datetime:
    return timezone.now() - timedelta(seconds=seconds)


def make_worker(
    name: str = "w1",
    *,
    queues: Any = (),
    tasks: Any = ("email.send", "other"),
    beat: float = 0.0,
    **columns: Any,
) -> Worker:
    """Make a worker with one child, and return the child: it is who holds tasks."""
    common = {
        "host": "host.example",
        "pid": 4242,
        "started_at": ago(3600),
        "heartbeat_at": ago(beat),
        **columns,
    }
    parent = Worker.objects.create(
        kind=WorkerKind.WORKER, name=name, queues=list(queues), tasks=list(tasks), slots=4, **common
    )
    return Worker.objects.create(
        kind=WorkerKind.EXECUTOR, name=f"{name}/1", parent=parent, slots=1, **common
    )


def make_task(
    state: TaskState | str = TaskState.QUEUED, *, tags: tuple[str, ...] = (), **columns: Any
) -> Task:
    """Make a task in a state, with the columns that the state needs."""
    state = TaskState(state)
    values: dict[str, Any] = {
        "name": "email.send",
        "queue": "mail",
        "state": state,
        "enqueued_at": ago(60),
    }
    if state in (TaskState.PENDING, TaskState.RETRYING):
        values |= {"waits_for": WaitsFor.TIME, "run_after": ago(-600)}
    if state in (TaskState.RUNNING, TaskState.SUCCEEDED, TaskState.FAILED, TaskState.RETRYING):
        values |= {"started_at": ago(30), "attempt": 1, "claim_no": 1}
    if state == TaskState.RUNNING and "worker" not in columns:
        values["worker"] = make_worker(f"worker-{Worker.objects.count()}")
    if state in FINISHED:
        values["finished_at"] = ago(10)
    task = Task.objects.create(**{**values, **columns})
    for tag in tags:
        TaskTag.objects.create(task=task, name=tag)
    return task


def make_result(task: Task, outcome: Outcome = Outcome.FAILED, **columns: Any) -> Result:
    """Make the result of a task's last claim."""
    is_error = outcome in (Outcome.FAILED, Outcome.RETRYING)
    values: dict[str, Any] = {
        "claim_no": task.claim_no,
        "attempt": task.attempt,
        "worker_name": "w1/1",
        "started_at": ago(30),
        "finished_at": ago(10),
        "error_class": "smtplib.SMTPServerDisconnected" if is_error else "",
        "message": "Connection unexpectedly closed" if is_error else "",
        "traceback": 'Traceback\n  File "a.py", line 1, in send\n    relay()' if is_error else "",
    }
    return Result.objects.create(task=task, outcome=outcome, **{**values, **columns})


def make_entry(name: str = "email.send", *parameters: str, **columns: Any) -> TaskCatalog:
    """Make a catalog entry; `*args` and `**kwargs` are written as in Python."""
    kinds = [
        {
            "name": text.lstrip("*"),
            "kind": ("positional_or_keyword", "var_positional", "var_keyword")[text.count("*")],
        }
        for text in parameters
    ]
    values = {"module_path": "shop.tasks", "queue": "mail", "updated_at": timezone.now()}
    return TaskCatalog.objects.create(name=name, parameters=kinds, **{**values, **columns})
