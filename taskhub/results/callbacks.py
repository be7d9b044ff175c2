"""Callbacks: functions of this process that are called when the results that they wait for are known."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from django.db import close_old_connections, connections
from django.db.utils import Error

from taskhub import compat, errors
from taskhub.engines.news import get_news
from taskhub.models import Task
from taskhub.states import FINISHED

logger = logging.getLogger("taskhub.results")

_POLL = 1.0  # seconds; news come sooner
_PART = 1000


class Known(Protocol):
    """A result as it has just been read."""

    @property
    def is_ready(self) -> bool: ...

    def outcome(self) -> Any:
        """Return the value, or raise how the task ended."""


@dataclass(frozen=True, slots=True)
class Callback:
    """What is to be called with the value of a task, or with the error that `get()` would raise."""

    task_id: int
    read: Callable[[], Known]
    on_success: Callable[[Any], object]
    on_failure: Callable[[Exception], object] | None

    def call(self) -> bool:
        """Call one of the two, and log what it raises; return False where the task has been queued again meanwhile."""
        act: Callable[[Any], object] | None = self.on_success
        try:
            result = self.read()
            if not result.is_ready:
                return False
            value = result.outcome()
        except (errors.TaskhubError, compat.TaskResultDoesNotExist) as error:
            act, value = self.on_failure, error
        try:
            if act is not None:
                act(value)
        except Exception:
            logger.exception("The callback %r of task %s failed.", act, self.task_id)
        return True


class Watcher:
    """One thread for all callbacks of this process, while there are any; they are called one after the other."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._lock = threading.Lock()
        self._pending: dict[int, list[Callback]] = {}
        self._thread: threading.Thread | None = None

    def add(self, callback: Callback) -> None:
        """Have a callback called when its task has ended; at once where it has."""
        with self._lock:
            self._pending.setdefault(callback.task_id, []).append(callback)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name=f"taskhub-callbacks-{self._alias}", daemon=True
                )
                self._thread.start()
        get_news(self._alias).stir()

    def _run(self) -> None:
        news = get_news(self._alias)
        try:
            while self._has_more():
                seen = news.count()
                if not self._call_known():
                    news.wait(seen, _POLL)
        finally:
            connections.close_all()

    def _has_more(self) -> bool:
        """Tell whether somebody waits; whoever comes after a no starts another thread."""
        with self._lock:
            if not self._pending:
                self._thread = None
            return bool(self._pending)

    def _call_known(self) -> bool:
        """Call those whose results are known; return whether there were any. One is kept until it has been called."""
        was_any = False
        try:
            for callback in self._known():
                if callback.call():
                    self._remove(callback)
                    was_any = True
            close_old_connections()
        except Error as error:
            logger.warning("Callbacks wait for the database: %s", str(error).strip())
            connections.close_all()
            time.sleep(_POLL)
        return was_any

    def _known(self) -> list[Callback]:
        """Return the callbacks of tasks that have ended, or that are not there any more."""
        with self._lock:
            ids = sorted(self._pending)
        left = set()
        for start in range(0, len(ids), _PART):
            rows = Task.objects.using(self._alias).filter(id__in=ids[start : start + _PART])
            left |= set(rows.exclude(state__in=sorted(FINISHED)).values_list("id", flat=True))
        with self._lock:
            return [
                callback
                for task_id in ids
                if task_id not in left
                for callback in self._pending[task_id]
            ]

    def _remove(self, callback: Callback) -> None:
        with self._lock:
            others = [one for one in self._pending[callback.task_id] if one is not callback]
            if others:
                self._pending[callback.task_id] = others
            else:
                del self._pending[callback.task_id]


def get_watcher(alias: str) -> Watcher:
    """Return this process's watcher of a database (a forked child has its own)."""
    return _watcher(alias, os.getpid())


@cache
def _watcher(alias: str, pid: int) -> Watcher:
    return Watcher(alias)
