"""Results: what an enqueuer holds of a task, and how it is built."""

from taskhub.results.async_result import AsyncResult
from taskhub.results.loading import duplicates, load, of_rows
from taskhub.results.making import Newborn, in_state, of_claim, with_ending
from taskhub.results.postponed import after_commit, awaited_by
from taskhub.results.task_error import TaskError

__all__ = [
    "AsyncResult",
    "Newborn",
    "TaskError",
    "after_commit",
    "awaited_by",
    "duplicates",
    "in_state",
    "load",
    "of_claim",
    "of_rows",
    "with_ending",
]
