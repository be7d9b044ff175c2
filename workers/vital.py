"""Vital threads: a process that has lost one ends, so that its supervisor starts a whole one."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

logger = logging.getLogger("taskhub.worker")

EXIT_CODE = 70


def start(work: Callable[[], object], name: str) -> threading.Thread:
    """Run `work` in a daemon thread; an error that leaves it is logged and ends the process."""
    thread = threading.Thread(target=lambda: _run(work, name), name=name, daemon=True)
    thread.start()
    return thread


def _run(work: Callable[[], object], name: str) -> None:
    try:
        work()
    except BaseException:  # noqa: BLE001  # whatever it was, the thread is gone
        give_up(name)


def give_up(name: str) -> None:
    """End the process because of the exception that is being handled."""
    logger.exception("%s failed; its process ends, and others rescue its tasks.", name)  # noqa: LOG004
    logging.shutdown()
    os._exit(EXIT_CODE)
