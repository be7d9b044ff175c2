"""WorkerStatistics: what the threads of this process have done."""

from __future__ import annotations

from dataclasses import dataclass

from workers.board import Board


@dataclass(frozen=True, slots=True)
class WorkerStatistics:
    """Attempts by how they ended, and how long they took in seconds; they only grow."""

    tasks_processed: int = 0
    tasks_succeeded: int = 0
    tasks_failed: int = 0
    tasks_retried: int = 0
    total_execution_time: float = 0.0
    max_execution_time: float = 0.0

    @property
    def avg_execution_time(self) -> float:
        """The average duration of an attempt."""
        return self.total_execution_time / self.tasks_processed if self.tasks_processed else 0.0

    @classmethod
    def of(cls, board: Board) -> WorkerStatistics:
        """Read them off a board."""
        places = board.children
        return cls(
            tasks_processed=sum(place.processed for place in places),
            tasks_succeeded=sum(place.succeeded for place in places),
            tasks_failed=sum(place.failed for place in places),
            tasks_retried=sum(place.retried for place in places),
            total_execution_time=sum(place.run_ns for place in places) / 1e9,
            max_execution_time=max(max(one.longest_ns, one.longest_ever_ns) for one in places)
            / 1e9,
        )

    def __add__(self, other: WorkerStatistics) -> WorkerStatistics:
        return WorkerStatistics(
            self.tasks_processed + other.tasks_processed, self.tasks_succeeded + other.tasks_succeeded,
            self.tasks_failed + other.tasks_failed, self.tasks_retried + other.tasks_retried,
            self.total_execution_time + other.total_execution_time,
            max(self.max_execution_time, other.max_execution_time),
        )  # fmt: skip
