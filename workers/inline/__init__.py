"""Inline: tasks run in the calling thread, on its own connection, as a worker runs them; for tests and for EAGER."""

from workers.inline.clock import pass_time
from workers.inline.draining import run_tasks
from workers.inline.eager import run_now

__all__ = ["pass_time", "run_now", "run_tasks"]
