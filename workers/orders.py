"""Orders: lets a worker do what an operator has written on its row."""

from __future__ import annotations

import logging
import os
import signal

from taskhub.engines import get_engine
from taskhub.models import Worker, WorkerOrder
from workers.bell import STOP, WORK
from workers.board import Board, Order, Stop

logger = logging.getLogger("taskhub.worker")

_MEANING = {WorkerOrder.QUIET: Order.QUIET, WorkerOrder.STOP: Order.STOP}


def obey(board: Board, supervisor_pid: int) -> None:
    """Read the row, and see to it that the worker does what it says; nothing where that is done already.

    To stop, the supervisor gets one SIGTERM: all that follows from that one follows.
    """
    rows = Worker.objects.using(get_engine().alias).filter(pk=board.worker_id)
    words = list(rows.values_list("order", flat=True))
    order = _MEANING.get(WorkerOrder(words[0]), Order.WORK) if words else Order.WORK
    if order == board.order:
        return
    board.order = order
    logger.info(
        "An operator told this worker to %s.", order.name.lower().replace("quiet", "be quiet")
    )
    for child in board.children:
        child.bell.ring(WORK)
    if order == Order.STOP and not board.stop:
        _stop(board, supervisor_pid)


def _stop(board: Board, supervisor_pid: int) -> None:
    if supervisor_pid != os.getpid():
        os.kill(supervisor_pid, signal.SIGTERM)
        return
    # The threads of a TaskSystem: the process is not ours to end.
    board.stop = Stop.GRACEFUL
    for child in board.all:
        child.bell.ring(STOP)
