"""The errors of taskhub: one base; the docstring is the message where none is given."""

from typing import Any

from taskhub.compat import InvalidTask, task_backends

_InvalidTaskBackend = task_backends.exception_class


class TaskhubError(Exception):
    """Something went wrong in taskhub."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").split("\n")[0])


class InvalidOption(TaskhubError, InvalidTask):
    """A task was defined or enqueued with an option that cannot be used."""


class UnknownBackend(InvalidOption, _InvalidTaskBackend):  # type: ignore[misc, valid-type]
    """A task names a backend that settings.TASKS does not have."""


class InvalidWorkflow(TaskhubError, ValueError):
    """A workflow cannot be built of these parts."""


class InvalidArguments(TaskhubError, TypeError, ValueError):
    """A task's arguments cannot be stored as JSON."""


class PayloadTooLarge(InvalidArguments):
    """A task's arguments are larger than TASKHUB["MAX_PAYLOAD_BYTES"]."""


class InvalidCheckpoint(TaskhubError, ValueError):
    """A checkpoint cannot be stored."""


class InvalidStep(TaskhubError, ValueError):
    """A step's value cannot be recorded. Never retried by itself: the step has been done."""


class UnknownStep(TaskhubError, LookupError):
    """The task has done no step of this name."""


class ScheduleError(TaskhubError, ValueError):
    """A schedule cannot be kept as it is given. `field` is the column of Schedule at fault, where it is one."""

    def __init__(self, message: str | None = None, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class InvalidFilter(TaskhubError, ValueError):
    """Tasks cannot be chosen like this."""


class UnknownTask(TaskhubError, LookupError):
    """No task is registered under this name."""


class EnqueueFailed(TaskhubError):
    """The database refused the task; nothing was written."""


class QueueFull(TaskhubError):
    """The queue holds as many waiting tasks as its `max_size` allows."""


class DuplicateTask(TaskhubError):
    """A live task holds the same unique key.

    `task_id` is its id, where that is known; `index` says which of the tasks that were to be enqueued has the key.
    """

    def __init__(
        self, message: str | None = None, *, task_id: int | None = None, index: int | None = None
    ) -> None:
        super().__init__(message)
        self.task_id, self.index = task_id, index


class IllegalTransition(TaskhubError):
    """The task's state does not allow this change."""


class WorkerStopped(TaskhubError):
    """The worker has stopped, or was told to: it takes no orders any more."""


class StaleClaim(TaskhubError):
    """Another claim has taken the task over: what this one does is not recorded any more."""


class ResultNotStorable(TaskhubError):
    """The task ended, but what it returned is no JSON or too large, or the database refused its outcome."""


class ResultEvicted(TaskhubError, LookupError):
    """The task succeeded, but its value is not kept any more."""


class ResultUnavailable(TaskhubError):
    """What keeps the values of results does not answer."""


class DamagedTask(TaskhubError):
    """The task's row does not hold what a task needs to run."""


class WorkerLost(TaskhubError):
    """The worker died while the task ran."""


class InsideTransaction(TaskhubError):
    """The task was enqueued in this transaction, which has not been committed: no worker can see it yet."""


class WaitInsideTask(TaskhubError, RuntimeError):
    """A running task waits for another one, which may need the slot that it holds."""


class ResultTimeout(TaskhubError, TimeoutError):
    """The task did not end in time."""


class TaskFailed(TaskhubError):
    """The task failed for good."""

    def __init__(
        self, message: str | None = None, *, error_class: str = "", traceback: str = ""
    ) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.traceback = traceback


class TaskCancelled(TaskhubError):
    """The task was cancelled."""


class TaskExpired(TaskhubError):
    """The task was not started before it expired."""


class Cancel(TaskhubError):
    """Raised by a task to end as cancelled."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason or "cancelled by the task itself")
        self.reason = str(self)


class RetryTask(TaskhubError):
    """Raised by a task to be tried again: counts as a failed attempt.

    `delay` in seconds replaces the backoff; without retries left the task fails with this error.
    """

    def __init__(self, message: str | None = None, *, delay: float | None = None) -> None:
        super().__init__(message)
        self.delay = _seconds(delay)


class Snooze(TaskhubError):
    """Raised by a task to be run again after `delay` seconds, without spending an attempt."""

    def __init__(self, delay: float, message: str | None = None) -> None:
        super().__init__(message)
        self.delay: float = _seconds(delay) or 0.0


class TaskTimeout(BaseException):
    """The task ran longer than its timeout. Raised inside the task."""


class TaskAborted(BaseException):
    """The task was cancelled while it ran. Raised inside the task."""


_LONGEST_DELAY = 1e10  # seconds, 300 years: beyond it dates overflow


def _seconds(delay: Any) -> float | None:
    if delay is None:
        return None
    if (
        isinstance(delay, bool)
        or not isinstance(delay, int | float)
        or not 0 <= delay <= _LONGEST_DELAY
    ):
        raise ValueError(
            f"delay={delay!r}: expected a number of seconds from 0 to {_LONGEST_DELAY:g}."
        )
    return float(delay)
