"""The records that engines take and give: a task to insert, a claim, the end of an attempt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from taskhub.states import TaskState, WaitsFor


class NewTask(NamedTuple):
    """The columns of a task as it is born, in the order of the INSERT. JSON columns are text."""

    name: str
    queue: str
    priority: int
    state: str
    waits_for: str
    args: str
    kwargs: str
    options: str | None
    masked: str | None
    pool: str
    run_after: datetime | None
    expires_at: datetime | None
    enqueued_at: datetime
    max_retries: int
    position: int
    unmet: int
    unique_lock: str | None


# The columns that a birth leaves at their start value and that have no NULL.
ZEROES = ("attempt", "failures", "losses", "interruptions", "claim_no")


class Claim(NamedTuple):
    """A task as its claimant gets it; JSON columns are text. (id, claim_no, worker) is the fence of later writes."""

    id: int
    claim_no: int
    name: str
    queue: str
    priority: int
    position: int
    args: Any
    kwargs: Any
    options: Any
    attempt: int
    failures: int
    losses: int
    interruptions: int
    max_retries: int
    enqueued_at: datetime
    run_after: datetime | None

    @property
    def fence(self) -> tuple[int, int]:
        """What later writes of the claimant name, with its own id."""
        return self.id, self.claim_no

    @property
    def ready_at(self) -> datetime:
        """When it could first have been claimed: from then on it has waited for a worker."""
        return _ready_at(self.enqueued_at, self.run_after)

    @property
    def order(self) -> tuple[int, int, int]:
        """Sort key within a queue."""
        return (-self.priority, self.position, self.id)


CLAIM_COLUMNS = Claim._fields


class QueuedTask(NamedTuple):
    """A task that waits for a worker, in few words."""

    queue: str
    name: str
    priority: int
    enqueued_at: datetime
    run_after: datetime | None

    @property
    def ready_at(self) -> datetime:
        """When it could first have been claimed."""
        return _ready_at(self.enqueued_at, self.run_after)


def _ready_at(enqueued_at: datetime, run_after: datetime | None) -> datetime:
    return run_after if run_after is not None and run_after > enqueued_at else enqueued_at


class Skip(NamedTuple):
    """What a claimant leaves to others: tasks by their names, and by the pool that they ask for."""

    names: Sequence[str] = ()
    pools: Sequence[str] = ()


NOTHING = Skip()


class Ending(NamedTuple):
    """How a claim ends: the task's next state and, with an `outcome`, the row of Result that it leaves.

    `delay` (seconds) is set where the task goes on waiting for its time. `value` is JSON text or None. An Ending
    without an outcome gives an unstarted claim back.
    """

    task_id: int
    claim_no: int
    state: TaskState
    started_at: datetime
    finished_at: datetime
    outcome: str | None = None
    attempt: int = 0
    value: str | None = None
    error_class: str = ""
    message: str = ""
    traceback: str = ""
    fingerprint: str = ""
    delay: float | None = None
    is_attempt_spent: bool = True
    failures: int = 0
    losses: int = 0
    interruptions: int = 0
    reason: str = ""

    @property
    def waits_for(self) -> WaitsFor:
        return WaitsFor.NOTHING if self.delay is None else WaitsFor.TIME

    @property
    def fence(self) -> tuple[int, int]:
        """The claim that it ends."""
        return self.task_id, self.claim_no

    @property
    def seconds(self) -> float:
        """How long the attempt took."""
        return max(0.0, (self.finished_at - self.started_at).total_seconds())
