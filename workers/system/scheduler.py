"""Scheduler: what a TaskSystem's `scheduler` offers: the functions of `taskhub.schedules`, and a switch."""

from __future__ import annotations

from taskhub import schedules
from workers.system.pool import WorkerPool


class Scheduler:
    """Schedules are rows, and outlive the process; they are fired while the system runs, unless it was told not to."""

    add_periodic = staticmethod(schedules.add_periodic)
    add_cron = staticmethod(schedules.add_cron)
    add_once = staticmethod(schedules.add_once)
    remove = staticmethod(schedules.remove)
    enable = staticmethod(schedules.enable)
    disable = staticmethod(schedules.disable)
    run_now = staticmethod(schedules.run_now)
    next_runs = staticmethod(schedules.next_runs)
    list_schedules = staticmethod(schedules.every_schedule)

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    def start(self) -> None:
        """Fire schedules while the system runs; so it does from the beginning, unless `enable_scheduler=False`."""
        self._pool.schedule(is_on=True)

    def stop(self) -> None:
        """Leave the schedules to other workers until `start()`; tasks go on."""
        self._pool.schedule(is_on=False)

    @property
    def is_running(self) -> bool:
        """The system runs, and fires schedules."""
        return self._pool.is_scheduling
