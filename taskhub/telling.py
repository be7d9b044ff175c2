"""Telling: which signal goes out for which transition, and from which process.

Nothing is read or made where nobody listens. In a worker's processes receivers of these signals run in the background
thread, so that a slow one holds up no task; elsewhere they run where the change was made, after its commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

from django.dispatch import Signal

from taskhub import background, compat, results, signals
from taskhub.backend import TaskHubBackend, backend_alias
from taskhub.definition import TaskDefinition
from taskhub.engines import queue_alias
from taskhub.engines.rows import Claim, Ending
from taskhub.errors import DamagedTask, TaskCancelled, TaskExpired, TaskFailed
from taskhub.models import Task, Worker
from taskhub.models.result import Outcome
from taskhub.models.worker import WorkerKind
from taskhub.states import TaskState

_BY_STATE = {
    TaskState.SUCCEEDED: signals.task_succeeded,
    TaskState.FAILED: signals.task_failed,
    TaskState.RETRYING: signals.task_retried,
    TaskState.CANCELLED: signals.task_cancelled,
    TaskState.EXPIRED: signals.task_expired,
}


def is_heard() -> bool:
    """Tell whether anybody listens to one of taskhub's own signals of tasks."""
    return any(signal.receivers for signal in signals.OWN)


# -- in the worker that ran it -------------------------------------------------------------------------------------


def tell_recorded(
    claim: Claim, definition: TaskDefinition | None, ending: Ending, worker: str
) -> None:
    """Send the signal for an outcome as it was recorded; snoozed and released attempts have none."""
    signal = _BY_STATE.get(ending.state) if ending.outcome else None
    if signal is not None and signal.receivers:
        background.do(partial(_send_recorded, signal, claim, definition, ending, worker))


def _send_recorded(
    signal: Signal, claim: Claim, definition: TaskDefinition | None, ending: Ending, worker: str
) -> None:
    result = None
    if definition is not None and claim.attempt == 1:
        with suppress(DamagedTask):  # its row is shown as far as it goes
            begun = results.of_claim(claim, definition, worker, ending.started_at, backend_alias())
            result = results.with_ending(begun, ending)
    if result is None:
        result = results.load(str(claim.id), backend_alias())
        if result.state != ending.state:  # its next attempt may have begun
            result = results.in_state(result, ending.state)
    signal.send_robust(sender=TaskHubBackend, task_result=result)


def send_finished(result: results.AsyncResult, error: BaseException | None) -> None:
    """Send `task_finished`, while `error` is being handled: its receivers ask the interpreter why a task failed."""
    if error is None:
        compat.task_finished.send_robust(sender=TaskHubBackend, task_result=result)
        return
    try:
        raise error
    except BaseException:  # noqa: BLE001  # ours, whatever it is
        compat.task_finished.send_robust(sender=TaskHubBackend, task_result=result)


# -- outside -------------------------------------------------------------------------------------------------------


def tell_ended(*, ids: Sequence[int], **kwargs: object) -> None:
    """Send what tells of tasks that ended outside the worker that ran them: cancelled, expired, lost for good."""
    if signals.has_receivers(compat.task_finished):
        background.do(partial(_send_finished, ids))
    if is_heard():
        background.do(partial(_send_ended, ids))


def _send_finished(ids: Sequence[int]) -> None:
    for result in _load(ids):
        send_finished(result, _why(result))


def _why(result: results.AsyncResult) -> BaseException:
    """Return an exception that says why a task ended that no worker has ended."""
    if result.state == TaskState.CANCELLED:
        return TaskCancelled(result.reason or None)
    if result.state == TaskState.EXPIRED:
        return TaskExpired()
    last = result.errors[-1] if result.errors else None
    if last is None:
        return TaskFailed()
    message = getattr(last, "message", "")
    return TaskFailed(message, error_class=last.exception_class_path, traceback=last.traceback)


def _send_ended(ids: Sequence[int]) -> None:
    for result in _load(ids):
        if signal := _BY_STATE.get(result.state):
            signal.send_robust(sender=TaskHubBackend, task_result=result)


def tell_requeued(*, endings: Sequence[Ending], **kwargs: object) -> None:
    """Send `task_retried` for tasks whose worker was lost and that are queued again."""
    states = {
        one.task_id: one.state
        for one in endings
        if one.outcome in (Outcome.LOST, Outcome.INTERRUPTED) or one.state == TaskState.RETRYING
    }
    if states and signals.task_retried.receivers:
        background.do(partial(_send_retried, states))


def _send_retried(states: Mapping[int, TaskState]) -> None:
    for found in _load(list(states)):  # the next attempt may have begun, and even ended
        result = results.in_state(found, states[int(found.id)])
        signals.task_retried.send_robust(sender=TaskHubBackend, task_result=result)


def _load(ids: Sequence[int]) -> list[results.AsyncResult]:
    rows = Task.objects.using(queue_alias()).filter(id__in=ids).select_related("progress", "worker")
    return [
        results.of_rows(task, task.results.all(), backend_alias())
        for task in rows.prefetch_related("results")
    ]


# -- workers -------------------------------------------------------------------------------------------------------


def tell_online(worker: Worker) -> None:
    """Send `worker_online`: a worker has registered."""
    _send_of(signals.worker_online, worker)


def tell_offline(worker: Worker) -> None:
    """Send `worker_offline`: a worker has signed off, or was declared lost. Its children have no signals."""
    if worker.kind == WorkerKind.WORKER:
        _send_of(signals.worker_offline, worker)


def _send_of(signal: Signal, worker: Worker) -> None:
    background.do(partial(signal.send_robust, sender=Worker, worker=worker))
