"""TaskSystem: client, worker and monitor in one object, for scripts, tests and sites of one process.

Importable before Django is set up, so what needs models is imported when it is used.
"""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterable, Mapping
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from django.apps import apps

from taskhub.errors import TaskhubError

if TYPE_CHECKING:
    from taskhub.results import AsyncResult
    from workers.system.client import Client
    from workers.system.pool import WorkerPool
    from workers.system.scheduler import Scheduler

__all__ = ["TaskSystem"]

_numbers = itertools.count(1)


class TaskSystem:
    """Enqueues tasks, and runs them in threads of this process while it is started.

    Tasks are rows of the site's database: what is submitted before the start or after the stop waits, and other
    workers may run what is registered with `@task`. Handlers belong to this process.
    """

    def __init__(
        self,
        *,
        concurrency: int | None = None,
        queues: Iterable[str] | Mapping[str, int] = (),
        name: str | None = None,
        enable_scheduler: bool = True,
    ) -> None:
        """Take `concurrency` threads (None: one for each CPU), for these queues or all; weights as in `runworker`.

        With `enable_scheduler=False` schedules are left to other workers until `scheduler.start()`.

        Raises:
            TaskhubError: Django is not set up. ValueError: an option that cannot be used.
        """
        if not apps.ready:
            raise TaskhubError(
                "TaskSystem() needs a configured site: set DJANGO_SETTINGS_MODULE and call django.setup() first. A "
                "script without a site uses TaskSystem.standalone()."
            )
        from taskhub import monitor
        from workers.system.client import Client
        from workers.system.pool import WorkerPool
        from workers.system.scheduler import Scheduler

        threads = concurrency if concurrency is not None else os.cpu_count() or 1
        self.client: Client = Client()
        self.workers: WorkerPool = WorkerPool(
            _options(threads, queues, name, is_scheduling=enable_scheduler)
        )
        self.scheduler: Scheduler = Scheduler(self.workers)
        self.monitor: ModuleType = monitor

    @classmethod
    def standalone(
        cls,
        path: str | os.PathLike[str] = "queue.sqlite3",
        *,
        settings: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Self:
        """Set Django up on a SQLite file, make its tables, and return a system; `options` as of TaskSystem.

        `settings` is what a site has in settings.TASKHUB.

        Raises:
            TaskhubError: Django is set up otherwise in this process, or `path` is no file.
        """
        from workers.system.standalone import set_up

        set_up(path, settings or {})
        return cls(**options)

    # -- life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """See `WorkerPool.start`."""
        self.workers.start()

    def stop(self) -> bool:
        """See `WorkerPool.stop`. A script that forgets it is stopped at its end."""
        return self.workers.stop()

    def shutdown_graceful(self, timeout: float) -> bool:
        """See `WorkerPool.shutdown_graceful`."""
        return self.workers.shutdown_graceful(timeout)

    @property
    def is_running(self) -> bool:
        """See `WorkerPool.is_running`."""
        return self.workers.is_running

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # -- for convenience --------------------------------------------------------------------------------------------

    def register_handler(self, name: Any, handler: Any = None, /, **options: Any) -> Any:
        """See `WorkerPool.register_handler`."""
        return self.workers.register_handler(name, handler, **options)

    def submit(
        self, name: str, payload: Mapping[str, Any] | None = None, /, **options: Any
    ) -> AsyncResult:
        """Enqueue a task or handler by its name, with `payload` as its keyword arguments; see `taskhub.send`.

        Raises:
            UnknownTask: no such task or handler.
        """
        return self.client.send(name, payload, **options)


def _options(
    threads: Any,
    queues: Iterable[str] | Mapping[str, int],
    name: str | None,
    *,
    is_scheduling: bool,
) -> Any:
    from taskhub import compat
    from taskhub.backend import backend_alias
    from workers.options import BadOption, WorkerOptions, parse_queues

    if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= 1000:
        raise ValueError(f"TaskSystem(concurrency={threads!r}): expected 1 to 1000 threads.")
    given = [queues] if isinstance(queues, str) else list(queues)
    if isinstance(queues, Mapping):
        given = [f"{queue}:{weight}" for queue, weight in queues.items()]
    if name is None:
        number = next(_numbers)
        name = f"{socket.gethostname()}:{os.getpid()}{f':{number}' if number > 1 else ''}"
    try:
        weights = parse_queues(given, compat.task_backends[backend_alias()].queues)
        return WorkerOptions(
            queues=weights, processes=0, threads=threads, name=name, is_scheduling=is_scheduling
        )
    except BadOption as error:
        raise ValueError(f"TaskSystem: {error}") from error
