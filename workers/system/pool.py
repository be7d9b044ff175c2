"""WorkerPool: what a TaskSystem's `workers` offers: threads of this process that can be started and stopped."""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import replace
from typing import Any, ClassVar

from taskhub import background, conf
from taskhub.engines import get_engine
from taskhub.errors import InvalidOption, TaskhubError
from taskhub.run import current_run
from workers.options import WorkerOptions
from workers.system.handlers import Handlers
from workers.system.local import LocalWorker
from workers.system.statistics import WorkerStatistics


class WorkerPool:
    """Runs tasks in threads of this process; at most one in a process at a time."""

    _at_work: ClassVar[WorkerPool | None] = None
    _lock: ClassVar[threading.RLock] = threading.RLock()

    def __init__(self, options: WorkerOptions) -> None:
        self._options = options
        self._handlers = Handlers()
        self._local: LocalWorker | None = None
        self._past = WorkerStatistics()

    # -- handlers ---------------------------------------------------------------------------------------------------

    def register_handler(self, name: Any, handler: Any = None, /, **options: Any) -> Any:
        """Make a handler known: `(name, function)`, `(name, object)`, `(object)` with a `name`, or as a decorator.

        `options` are those of `@task`. A function gets the payload as its keyword arguments, and with
        `takes_context=True` the context first. An object (or a class) has `execute(context, **payload)`, and may have
        the hooks `on_retry(result, error)`, `on_failure(result, error)` and `on_success(result)`. Returns what was
        registered. The name may be registered again, here.

        Raises:
            InvalidOption: it is no handler, the name is taken, or an option is bad.
        """
        if handler is None and isinstance(name, str):
            return lambda function: self.register_handler(name, function, **options)
        if handler is None:
            name, handler = getattr(name, "name", name), name
        if not isinstance(name, str) or not name:
            raise InvalidOption(
                f"The handler {handler!r:.100} needs a name: register_handler(name, handler), or an attribute `name`."
            )
        self._handlers.register(name, handler, options)
        if self._local is not None and self.is_running:
            self._local.look_again()
        return handler

    # -- life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the threads; returns when they take tasks.

        Raises:
            TaskhubError: one runs already in this process, the caller is inside a transaction, or it did not start.
            DatabaseError: the database refused it.
        """
        with self._lock:
            self._refuse_start()
            self._handlers.publish()
            self._local = LocalWorker(self._options)
            WorkerPool._at_work, self._handlers.is_at_work = self, True
            background.start()
            try:
                self._local.start()
            except BaseException:
                self._forget()
                raise
            atexit.register(self.stop)

    def _refuse_start(self) -> None:
        other = WorkerPool._at_work
        if other is self and self.is_running:
            raise TaskhubError("This TaskSystem is running already; stop() it before start().")
        if other is not None and other.is_running:
            raise TaskhubError(
                "Another TaskSystem is running in this process: stop it first, or register your handlers there."
            )
        if get_engine().connection.in_atomic_block:
            raise TaskhubError(
                "start() inside a transaction: the threads could not see what it has enqueued. Start before "
                "`with transaction.atomic():`; in a test use TransactionTestCase, or taskhub.testing."
            )
        if self._local is not None:
            self.stop()  # of what a lost thread has left

    def stop(self) -> bool:
        """Stop as `shutdown_graceful` with TASKHUB["SHUTDOWN_TIMEOUT"] seconds; nothing where nothing runs."""
        return self.shutdown_graceful(conf.get().shutdown_timeout)

    def shutdown_graceful(self, timeout: float) -> bool:
        """Start nothing more, and give running tasks `timeout` seconds to end; return whether all have.

        What has not ended goes back to its queue without spending an attempt, and is interrupted. What waits stays
        enqueued for the next start, or for another worker.

        Raises:
            TaskhubError: called by one of its own tasks, which would wait for itself.
        """
        local = self._local
        if local is None or local.pid != os.getpid():  # a parent process has started it
            return True
        if current_run.get() is not None:
            raise TaskhubError(
                "A task cannot stop the TaskSystem that runs it: it would wait for itself."
            )
        with self._lock:
            if local is not self._local:  # somebody has stopped it meanwhile
                return True
            try:
                return local.stop(timeout)
            finally:
                self._past += local.statistics
                self._forget()

    def schedule(self, *, is_on: bool) -> None:
        """Fire schedules while it runs, from now on, or leave them to other workers."""
        with self._lock:
            self._options = replace(self._options, is_scheduling=is_on)
            if self._local is not None and self.is_running:
                self._local.schedule(is_on=is_on)

    @property
    def is_scheduling(self) -> bool:
        """It runs, and fires schedules."""
        return self._options.is_scheduling and self.is_running

    def _forget(self) -> None:
        self._local, self._handlers.is_at_work = None, False
        if WorkerPool._at_work is self:
            WorkerPool._at_work = None
        atexit.unregister(self.stop)
        background.stop()

    # -- how it is --------------------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Its threads take tasks; False too when one of them has failed (the log says why)."""
        return self._local is not None and self._local.is_running

    @property
    def active_workers(self) -> int:
        """Threads that run a task now."""
        return self._local.active if self._local is not None and self.is_running else 0

    @property
    def idle_workers(self) -> int:
        """Threads that wait for one."""
        return self._options.slots - self.active_workers if self.is_running else 0

    def statistics(self) -> WorkerStatistics:
        """Return what its threads have done since it was made, over all starts."""
        now = self._local.statistics if self._local is not None else WorkerStatistics()
        return self._past + now
