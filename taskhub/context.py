"""TaskContext: what a running task sees of itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from taskhub import compat
from taskhub.definition import TaskDefinition
from taskhub.engines.rows import Claim
from taskhub.errors import TaskAborted
from taskhub.text import storable


@dataclass(slots=True, eq=False)
class Run:
    """One execution of a claim, shared by the thread that runs it and the thread that talks to the database."""

    claim: Claim
    definition: TaskDefinition
    load_result: Callable[[Claim], compat.TaskResult[Any, Any]]
    started_at: datetime = field(default_factory=timezone.now)
    started: float = field(default_factory=time.monotonic)
    is_cancelled: bool = False
    progress: tuple[float, str] | None = None

    @property
    def deadline(self) -> float:
        """When its timeout is over, on the monotonic clock."""
        return self.started + self.definition.timeout


class TaskContext(compat.TaskContext):  # type: ignore[type-arg]  # not subscriptable on Django 6
    """Passed to a task that takes the context. Its methods never touch the task's own database transaction."""

    __slots__ = ("_result", "_run")
    _run: Run
    _result: compat.TaskResult[Any, Any] | None

    def __init__(self, run: Run) -> None:
        object.__setattr__(self, "_run", run)
        object.__setattr__(self, "_result", None)

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenInstanceError(f"The context of a task cannot be changed: {name!r}.")

    @property
    def task_result(self) -> compat.TaskResult[Any, Any]:  # type: ignore[override]
        """The task's result as of its start; read from the database when first asked for."""
        result = self._result or self._run.load_result(self._run.claim)
        object.__setattr__(self, "_result", result)
        return result

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        return self._run.claim.attempt

    @property
    def is_cancelled(self) -> bool:
        """Somebody has asked this task to stop; after TASKHUB["CANCEL_GRACE"] seconds it is interrupted."""
        return self._run.is_cancelled

    def raise_if_cancelled(self) -> None:
        """Leave the task when somebody has asked it to stop.

        Raises:
            TaskAborted: not an Exception, so that `except Exception` lets it through.
        """
        if self._run.is_cancelled:
            raise TaskAborted("The task was asked to stop.")

    @property
    def deadline(self) -> datetime:
        """When TaskTimeout will be raised in the task."""
        return self._run.started_at + timedelta(seconds=self._run.definition.timeout)

    @property
    def remaining(self) -> float:
        """Seconds until the deadline, negative after it."""
        return self._run.deadline - time.monotonic()

    def update_progress(self, fraction: float, message: str = "") -> None:
        """Report how far the task is, from 0 to 1. Cheap to call often: the worker stores the last report.

        Raises:
            ValueError: the fraction lies outside 0…1 or is not a number.
        """
        if not _is_fraction(fraction):
            raise ValueError(f"update_progress({fraction!r}): expected a fraction from 0 to 1.")
        self._run.progress = (float(fraction), storable(str(message), 500))


def _is_fraction(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
