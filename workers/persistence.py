"""Persistence: a child's control thread acts on the database until it is let."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.utils import Error

from taskhub import conf
from taskhub.engines import get_engine
from workers.bell import Lifeline
from workers.board import Child

logger = logging.getLogger("taskhub.worker")
T = TypeVar("T")

ORPHANED = 71  # exit code
_LONGEST_PAUSE = 5.0
_LOCK_SECONDS = 5.0  # a statement that waits longer for a lock is given up and tried again


class Persistence:
    """Tries again what the database refused for the moment: keeps what it holds, backs off with jitter, reconnects."""

    def __init__(self, child: Child, lifeline: Lifeline) -> None:
        self._child, self._lifeline = child, lifeline
        self.troubles = (
            0  # connections lost so far: what was under way may or may not have happened
        )

    def trying(self, act: Callable[[], T]) -> T:
        """Return `act()`, tried until it succeeds; an error that trying again cannot help is raised."""
        pause = 0.05
        while True:
            try:
                return act()
            except Error as error:
                engine = get_engine()
                if not engine.is_transient(error):
                    raise
                logger.warning(
                    "The database is in trouble, trying again in %.1f s: %s", pause, str(error).strip()
                )  # fmt: skip
                if not engine.is_conflict(error):
                    self.troubles += 1
                    engine.connection.close()
                if self._lifeline.is_torn:
                    os._exit(ORPHANED)
                self._child.tick = time.monotonic_ns()
                time.sleep(pause * random.uniform(0.5, 1.5))
                pause = min(_LONGEST_PAUSE, conf.get().lease / 6, pause * 2)


_patience = threading.local()  # `limits` of the thread's connections to the queue's database


def be_patient_for(**limits: float) -> None:
    """Bound what the calling thread's connections to the queue wait for: seconds for `locks` and `statements`.

    The limits are set once a connection, when it is made.
    """
    _patience.limits = limits
    connection_created.connect(_limit, dispatch_uid="taskhub.patience")


def limit_control_thread() -> None:
    """Let no lock keep the calling thread from its signs of life."""
    be_patient_for(locks=min(_LOCK_SECONDS, conf.get().lease / 4))


def _limit(*, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    engine = get_engine()
    limits: dict[str, float] | None = getattr(_patience, "limits", None)
    if limits and connection.alias == engine.alias and connection is engine.connection:
        engine.limit_waits(**limits)
