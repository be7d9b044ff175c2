"""Schedules: calls of tasks that the clock makes. They are rows, which code, the admin and the dashboard edit alike.

Each function is one transaction of its own, or part of the caller's; what it changes holds at once, in all workers.
"""

from taskhub.schedules.adding import add_cron, add_once, add_periodic
from taskhub.schedules.checking import check, problems
from taskhub.schedules.copying import duplicate
from taskhub.schedules.declared import sync, sync_after_migrate
from taskhub.schedules.editing import disable, enable, remove, save
from taskhub.schedules.firing import fire_due, seconds_to_next
from taskhub.schedules.manual import ask_to_run, run_here_or_elsewhere, run_now
from taskhub.schedules.origin import is_declared
from taskhub.schedules.orphans import disable_orphans
from taskhub.schedules.reading import (
    Run,
    clock_changes,
    every_schedule,
    get,
    histories,
    history,
    last_missed,
    late,
    next_runs,
    standing,
    words_of,
)

list = every_schedule

__all__ = [
    "Run",
    "add_cron",
    "add_once",
    "add_periodic",
    "ask_to_run",
    "check",
    "clock_changes",
    "disable",
    "disable_orphans",
    "duplicate",
    "enable",
    "every_schedule",
    "fire_due",
    "get",
    "histories",
    "history",
    "is_declared",
    "last_missed",
    "late",
    "list",
    "next_runs",
    "problems",
    "remove",
    "run_here_or_elsewhere",
    "run_now",
    "save",
    "seconds_to_next",
    "standing",
    "sync",
    "sync_after_migrate",
    "words_of",
]
