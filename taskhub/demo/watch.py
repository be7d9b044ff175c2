"""Tell what becomes of tasks, one line each time a task first reaches a state."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from taskhub.compat import TaskResultDoesNotExist

if TYPE_CHECKING:
    from taskhub import TaskState
    from taskhub.results import AsyncResult


class Watch:
    """Remember what was told; tasks that ended are not looked at again."""

    def __init__(self, results: "Iterable[AsyncResult]") -> None:
        self._told: dict[str, set[TaskState]] = {}
        self._live = {result.id: result for result in results}

    def news(self) -> Iterator[str]:
        """Yield lines like `task 17 demo.flaky retrying`; a state between two looks is missed."""
        for result in list(self._live.values()):
            try:
                result.refresh()
            except TaskResultDoesNotExist:
                del self._live[result.id]
                continue
            told = self._told.setdefault(result.id, set())
            if result.state not in told:
                told.add(result.state)
                yield f"task {result.id} {result.task.name} {result.state}{_why(result)}"
            if result.is_ready:
                del self._live[result.id]


def _why(result: "AsyncResult") -> str:
    """Return the last error's class, where the last attempt ended with one."""
    if result.is_successful or not result.errors:
        return ""
    return f" ({result.errors[-1].exception_class_path.rpartition('.')[2]})"
