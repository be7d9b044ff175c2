"""The records that engines take and give: a task to insert, a claim, the end of an attempt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from taskhub.states import TaskState, WaitsFor


class NewTask(NamedTuple):
    """The columns of a task as it is born, in the order of the INSERT. JSON columns are text.

    Those from `ties` on stay out of the INSERT of a task that has none of them.
    """

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
    ties: int = 0
    parent_id: int | None = None
    workflow_id: int | None = None
    inputs: str | None = None
    waits_key: str | None = None
    concurrency_key: str | None = None
    fair_key: str | None = None
    unique_key: str | None = None
    unique_until: datetime | None = None


PLAIN = NewTask._fields.index("ties")  # so many columns every task has
UNTIED = tuple(NewTask._field_defaults.values())

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
    ties: int
    enqueued_at: datetime
    run_after: datetime | None

    @property
    def fence(self) -> tuple[int, int]:
        """What later writes of the claimant name, with its own id."""
        return self.id, self.claim_no

    @property
    def ready_at(self) -> datetime:
        """When it could first have been claimed: from then on it has waited for a worker."""
        enqueued_at, run_after = self.enqueued_at, self.run_after
        return run_after if run_after is not None and run_after > enqueued_at else enqueued_at

    @property
    def order(self) -> tuple[int, int, int]:
        """Sort key within a queue."""
        return (-self.priority, self.position, self.id)


CLAIM_COLUMNS = Claim._fields


class Front(NamedTuple):
    """Queued tasks of one priority and name at the front of a queue.

    `ready_at` is since when the first of them could have been claimed.
    """

    queue: str
    name: str
    priority: int
    number: int
    ready_at: datetime


class Upcoming(NamedTuple):
    """What maintenance has to do next: seconds until a task is due, and until one expires; 0 or less is overdue.

    None where nothing waits for its time, or nothing expires. `is_untold`: dependents have yet to hear of an end;
    `is_gated`: tasks wait for a slot or a token; `is_pause_over`: a queue's time to stay paused is.
    """

    due: float | None
    overdue: float | None
    is_untold: bool
    is_gated: bool
    is_pause_over: bool


class Skip(NamedTuple):
    """What a claimant leaves to others: tasks by their names, and by the pool that they ask for.

    Of the pools in `risky` it leaves those that have a loss on their record; "" is the pool of tasks that ask for none.
    """

    names: Sequence[str] = ()
    pools: Sequence[str] = ()
    risky: Sequence[str] = ()


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
    ties: int = 0
    result_ttl: float | None = None  # seconds for which a value is kept outside the database

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
