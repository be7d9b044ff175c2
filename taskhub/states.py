"""The states of a task and the transitions between them: the one place that says what is legal."""

from enum import IntFlag, StrEnum

from taskhub.compat import TaskResultStatus


class TaskState(StrEnum):
    """Where a task stands; the values are what the database stores."""

    PENDING = "pending"  # waits for its time, for other tasks or for a slot: `waits_for` says which
    QUEUED = "queued"  # may be claimed now
    RUNNING = "running"  # held by a worker
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RETRYING = "retrying"  # an attempt failed; waits for its next one
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # not started before `expires_at`

    @property
    def is_finished(self) -> bool:
        return self in FINISHED

    @property
    def status(self) -> TaskResultStatus:
        """The word of django.tasks for this state."""
        return _STATUS[self]


class WaitsFor(StrEnum):
    """What a pending or retrying task waits for."""

    NOTHING = ""
    TIME = "time"
    TASKS = "tasks"
    SLOT = "slot"
    RATE = "rate"


class Tie(IntFlag):
    """What ties a task to others; a task without ties ends in one statement."""

    DEPENDENTS = 1  # others wait for its end
    VALUES = 2  # it gets values of those that it waited for
    SLOT = 4  # it needs one of its concurrency key's slots while it is queued or runs
    RATE = 8  # its starts are limited in number
    UNIQUE_FOR = 16  # its unique key stays taken for a while after its end
    HOLDS = 32  # it has taken a slot
    ERRBACK = 128  # others wait for its failure
    ORPHAN = 64  # it was cancelled because a task that it needed ended otherwise


FINISHED = frozenset(
    {TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED, TaskState.EXPIRED}
)
WAITING = frozenset({TaskState.PENDING, TaskState.QUEUED, TaskState.RETRYING})
LIVE = WAITING | {TaskState.RUNNING}

# to each state: the states that it may be reached from
SOURCES: dict[TaskState, frozenset[TaskState]] = {
    TaskState.PENDING: frozenset(
        {TaskState.RUNNING, TaskState.FAILED, TaskState.CANCELLED, TaskState.EXPIRED}
    ),
    TaskState.QUEUED: frozenset(
        {
            TaskState.PENDING,
            TaskState.RETRYING,
            TaskState.RUNNING,
            TaskState.FAILED,
            TaskState.CANCELLED,
            TaskState.EXPIRED,
        }
    ),
    TaskState.RUNNING: frozenset({TaskState.QUEUED}),
    TaskState.SUCCEEDED: frozenset({TaskState.RUNNING}),
    TaskState.FAILED: frozenset({TaskState.RUNNING}),
    TaskState.RETRYING: frozenset({TaskState.RUNNING}),
    TaskState.CANCELLED: WAITING | {TaskState.RUNNING},
    TaskState.EXPIRED: WAITING,
}

_STATUS = {
    TaskState.PENDING: TaskResultStatus.READY,
    TaskState.QUEUED: TaskResultStatus.READY,
    TaskState.RETRYING: TaskResultStatus.READY,
    TaskState.RUNNING: TaskResultStatus.RUNNING,
    TaskState.SUCCEEDED: TaskResultStatus.SUCCESSFUL,
    TaskState.FAILED: TaskResultStatus.FAILED,
    TaskState.CANCELLED: TaskResultStatus.FAILED,
    TaskState.EXPIRED: TaskResultStatus.FAILED,
}


def is_legal(before: TaskState, after: TaskState) -> bool:
    """Tell whether a task in state `before` may be moved to state `after`."""
    return before in SOURCES[after]
