"""Vital threads: a process that has lost one ends, so that its supervisor starts a whole one."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from django.db import connections
from django.db.utils import Error

logger = logging.getLogger("taskhub.worker")

EXIT_CODE = 70

OnLoss = Callable[[str], object]
_on_loss: ContextVar[OnLoss | None] = ContextVar("taskhub_on_loss", default=None)


@contextmanager
def guarded_by(on_loss: OnLoss) -> Iterator[None]:
    """Let `on_loss` hear of threads that fail, by their names, and let the process live.

    It holds for those that are started in this block, and for those that they start.
    """
    token = _on_loss.set(on_loss)
    try:
        yield
    finally:
        _on_loss.reset(token)


def start(work: Callable[[], object], name: str) -> threading.Thread:
    """Run `work` in a daemon thread; an error that leaves it is logged and ends the process.

    The thread leaves no database connection behind.
    """
    on_loss = _on_loss.get()
    thread = threading.Thread(target=lambda: _run(work, name, on_loss), name=name, daemon=True)
    thread.start()
    return thread


def _run(work: Callable[[], object], name: str, on_loss: OnLoss | None) -> None:
    _on_loss.set(on_loss)
    try:
        work()
    except BaseException:  # noqa: BLE001  # whatever it was, the thread is gone
        give_up(name)
    finally:
        with suppress(Error):
            connections.close_all()


def give_up(name: str) -> None:
    """End the process because of the exception that is being handled."""
    if (on_loss := _on_loss.get()) is not None:
        logger.exception("%s failed.", name)  # noqa: LOG004
        on_loss(name)
        return
    logger.exception("%s failed; its process ends, and others rescue its tasks.", name)  # noqa: LOG004
    logging.shutdown()
    os._exit(EXIT_CODE)
