"""Running: a run whose control thread is the one that runs it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from taskhub.engines import Engine, get_engine
from taskhub.errands import Errand
from taskhub.run import Run, Saving


def _own_connection() -> BaseDatabaseWrapper:
    return get_engine().connection


@dataclass(slots=True, eq=False)
class InlineRun(Run):
    """It waits for nobody: what it tells is stored when it has ended, and it asks on the connection that it runs on."""

    connection: BaseDatabaseWrapper = field(default_factory=_own_connection)

    def save(self, text: str) -> None:
        """Keep a checkpoint; it is stored after the run, outside of the transactions that the task has opened."""
        self.checkpoint = Saving(text)

    def ask(self, act: Callable[[Engine], Any]) -> Any:
        """Return `act(engine)`; a coroutine, and a thread that the task has started, borrow the connection."""
        engine = get_engine()
        if engine.connection is self.connection and not _is_in_loop():
            return act(engine)
        return _borrowing(self.connection, act)


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _borrowing(connection: BaseDatabaseWrapper, act: Callable[[Engine], Any]) -> Any:
    """Return `act(engine)`, done in a thread that has another thread's connection; that one waits meanwhile."""
    errand = Errand()

    def run() -> None:
        connections[connection.alias] = connection
        try:
            errand.answer(act(get_engine()))
        except BaseException as error:  # noqa: BLE001  # it is raised in the waiting thread
            errand.fail(error)
        finally:
            del connections[connection.alias]

    connection.inc_thread_sharing()
    try:
        threading.Thread(target=run, name="taskhub-errand", daemon=True).start()
        return errand.wait(lambda: False)
    finally:
        connection.dec_thread_sharing()
