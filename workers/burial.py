"""Burial: what a dead child held is rescued, by what the board says that it was really running."""

from __future__ import annotations

from threading import Lock

from taskhub import queue
from taskhub.engines import get_engine
from taskhub.engines.rows import Claim, Ending
from taskhub.models import Worker
from taskhub.queue.ladder import held_claims, note_killed
from taskhub.queue.rescue import Cause, Count
from workers import registration, statistics
from workers.board import Child, Death
from workers.statistics import of_child

_CAUSES = {
    Death.UNKNOWN: Cause.LOST,
    Death.SILENT: Cause.LOST,
    Death.TIMEOUT: Cause.TIMEOUT,
    Death.CANCEL: Cause.CANCELLED,
    Death.SHUTDOWN: Cause.RELEASED,
}


def bury(child: Child, count: Count, writing: Lock) -> None:
    """Rescue what a dead child held and free its place; may be repeated after an error.

    `count`: see `rescue_child`. `writing` is held by whoever writes what the board says of children: a heartbeat that
    was under way must not have the last word.
    """
    if child.worker_id:
        is_lost = not _left_in_order(child)
        if is_lost:
            _rescue(child, count)
        with writing:
            last = of_child(child)._replace(busy=0)
            registration.last_words(child.worker_id, last, is_lost=is_lost)
            child.clear()
    else:
        child.clear()


def _left_in_order(child: Child) -> bool:
    return child.exit_code == 0 and not child.running and not child.death


def _rescue(child: Child, count: Count) -> None:
    death = Death(child.death)
    held = set(
        held_claims(child.worker_id)
    )  # who was told of an end is on the board, and holds nothing
    accused = [slot for slot in child.running if slot.is_culprit] or child.running
    culprits = {slot.task_id: slot.claim_no for slot in accused if slot.fence in held}
    started = {slot.task_id for slot in child.running if slot.fence in held}
    if death == Death.CANCEL:
        for task_id, claim_no in culprits.items():
            note_killed(task_id, claim_no)

    def count_here_too(claim: Claim, ending: Ending) -> None:
        statistics.count(child, [ending])
        count(claim, ending)

    row = Worker.objects.using(get_engine().alias).get(pk=child.worker_id)
    queue.rescue_child(
        row, culprits, _how(child, death), _CAUSES[death], beside=started - culprits.keys(), count=count_here_too
    )  # fmt: skip


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
