"""Burial: what a dead child held is rescued, by what the board says that it was really running."""

from __future__ import annotations

from taskhub import queue
from taskhub.engines import get_engine
from taskhub.models import Worker
from taskhub.queue.announce import announce_finished
from taskhub.queue.ladder import note_killed
from taskhub.queue.rescue import Cause, Count
from workers import registration
from workers.board import Board, Child, Death
from workers.statistics import of_child

_CAUSES = {
    Death.UNKNOWN: Cause.LOST,
    Death.SILENT: Cause.LOST,
    Death.TIMEOUT: Cause.TIMEOUT,
    Death.CANCEL: Cause.CANCELLED,
    Death.SHUTDOWN: Cause.RELEASED,
}


def bury(board: Board, child: Child, count: Count) -> None:
    """Rescue what a dead child held and free its place; may be repeated after an error. `count`: see `rescue_child`."""
    if child.worker_id:
        if not _left_in_order(child):
            _rescue(child, count)
        registration.last_words(child.worker_id, of_child(child)._replace(busy=0))
    board.remember(child)
    child.clear()


def _left_in_order(child: Child) -> bool:
    return child.exit_code == 0 and not child.running and not child.death


def _rescue(child: Child, count: Count) -> None:
    death = Death(child.death)
    running = {slot.task_id: slot for slot in child.running}
    culprits = {task_id for task_id, slot in running.items() if slot.is_culprit}
    if not culprits:  # it died by itself, or all are to stop: nobody can tell them apart
        culprits = set(running)
    if death == Death.CANCEL:
        for task_id in culprits:
            note_killed(task_id, running[task_id].claim_no)
    row = Worker.objects.using(get_engine().alias).get(pk=child.worker_id)
    endings = queue.rescue_child(
        row, culprits, _how(child, death), _CAUSES[death], beside=set(running) - culprits, count=count
    )  # fmt: skip
    announce_finished([ending.task_id for ending in endings if ending.state.is_finished])


def _how(child: Child, death: Death) -> str:
    """Say how a child died, as the sentence "The worker …." goes on."""
    match death:
        case Death.TIMEOUT:
            return "was killed: the task did not leave within its timeout and grace"
        case Death.CANCEL:
            return "was killed: the task was cancelled and did not leave within its grace"
        case Death.SHUTDOWN:
            return "was stopped while the task ran"
        case Death.SILENT:
            return "was killed: it had given no sign of life for too long"
    code = child.exit_code
    return f"was killed by signal {-code}" if code < 0 else f"died with exit code {code}"
