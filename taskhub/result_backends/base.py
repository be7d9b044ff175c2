"""ResultBackend: the interface of what keeps values, and how a row of Result says that its value is kept elsewhere."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from taskhub.engines import get_engine
from taskhub.engines.news import get_news
from taskhub.models import Task
from taskhub.states import FINISHED, TaskState

_MARK = "taskhub.kept_in"
_POLL = 1.0  # seconds; news come sooner

Fence = tuple[
    int, int
]  # task id and claim number: an attempt that has lost its task overwrites nothing


class Value(NamedTuple):
    """A value to be kept, as JSON text, and for how many seconds; None: as long as its task."""

    fence: Fence
    text: str
    ttl: float | None


class Kept(NamedTuple):
    """Where the value of an attempt is, when it is not in its row."""

    backend: str
    fence: Fence


def kept_at(value: Any, task_id: int, claim_no: int) -> Kept | None:
    """Return where a value is that a row of Result stands for; None where it is the value itself."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(value.get(_MARK), str):
        return Kept(value[_MARK], (task_id, claim_no))
    return None


class ResultBackend:
    """Keeps the values of attempts that succeeded; made once a process, used by all its threads.

    The database always has the state, the times, the error and the progress of a task: the queue lives by them. The
    hooks that tell of these are for a backend that shows them to others; what they raise is logged.
    """

    keeps_values = False  # elsewhere than in the rows of the attempts
    is_told = False  # of states, errors and progress

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def mark(self) -> dict[str, str]:
        """What a row of Result holds in the place of a value that is kept here."""
        return {_MARK: self.name}

    def store_result(self, values: Sequence[Value]) -> Collection[Fence]:
        """Keep values, before the outcomes are recorded; return which are kept. The others stay in their rows.

        Called by the thread that records for all tasks of a process: it must not block for long, nor raise.
        """
        return ()

    def store_state(self, task_id: int, state: TaskState) -> None:
        """Take note of the state in which an attempt has left its task, after that was recorded."""

    def store_error(self, task_id: int, error: str, traceback: str) -> None:
        """Take note of what an attempt failed with, after that was recorded."""

    def store_progress(self, task_id: int, fraction: float, message: str) -> None:
        """Take note of how far a task says it is."""

    def get(self, fences: Sequence[Fence]) -> Mapping[Fence, str]:
        """Return values as JSON text, without those that are not there any more.

        Raises:
            ResultUnavailable: whatever keeps them does not answer.
        """
        return {}

    def cleanup(self, fences: Sequence[Fence]) -> None:
        """Forget values whose tasks have been deleted; never raises. Some may have gone by themselves."""

    def wait(self, task_id: int, timeout: float | None = None) -> bool:
        """Wait until a task has ended or is gone, at most `timeout` seconds; return whether. Woken by the database."""
        alias = get_engine().alias
        news = get_news(alias)
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        task = Task.objects.using(alias).filter(id=task_id)
        while True:
            seen = news.count()
            state = task.values_list("state", flat=True).first()
            if state is None or state in FINISHED:
                return True
            left = min(_POLL, deadline - time.monotonic())
            if left <= 0:
                return False
            news.wait(seen, left)
