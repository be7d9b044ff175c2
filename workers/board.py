"""The board: memory that a supervisor shares with its children, so that it knows what each was doing when it died."""

from __future__ import annotations

import mmap
import time
from enum import IntEnum
from typing import Any


class SlotState(IntEnum):
    """Where a child's place stands. The supervisor fills it, the child announces itself, maintenance clears it."""

    FREE = 0  # the supervisor may start a child here
    STARTING = 1
    ALIVE = 2  # its Worker row exists
    DEAD = 3  # the child has died; maintenance rescues what it held, then sets FREE


class Death(IntEnum):
    """Why the supervisor killed a child."""

    UNKNOWN = 0  # it did not: the child died by itself or by somebody else's hand
    TIMEOUT = 1
    CANCEL = 2
    SHUTDOWN = 3


class Stop(IntEnum):
    """What all children are told."""

    NO = 0
    GRACEFUL = 1
    NOW = 2


class _Cell:
    """One 64-bit number of the board; aligned, so that it is never seen half written."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __get__(self, owner: Any, kind: type | None = None) -> int:
        return owner.cells[owner.base + self.index]  # type: ignore[no-any-return]

    def __set__(self, owner: Any, value: int) -> None:
        owner.cells[owner.base + self.index] = value


class Slot:
    """One child's place on the board. Times are nanoseconds of the monotonic clock, which all processes share."""

    SIZE = 16
    state, pid, worker_id, born_at = _Cell(0), _Cell(1), _Cell(2), _Cell(3)
    task_id, claim_no = _Cell(4), _Cell(5)  # what user code runs now; task_id 0: nothing
    deadline = _Cell(6)  # when the supervisor kills the child; 0: never
    tick = _Cell(7)  # last sign of life of the control thread
    death, exit_code = _Cell(8), _Cell(9)
    empty_claims = _Cell(10)  # claims in a row that found nothing while the child was idle
    # When the supervisor kills the child because this claim was cancelled; of no meaning for any other claim.
    cancel_deadline, cancel_task_id, cancel_claim_no = _Cell(11), _Cell(12), _Cell(13)

    def __init__(self, cells: memoryview, base: int, number: int) -> None:
        self.cells, self.base, self.number = cells, base, number

    @property
    def is_overdue(self) -> bool:
        """The claim that runs has outstayed its timeout and grace."""
        return self.task_id != 0 and 0 < self.deadline < time.monotonic_ns()

    @property
    def is_cancel_overdue(self) -> bool:
        """The claim that runs was cancelled and has outstayed its grace."""
        is_same = (self.task_id, self.claim_no) == (self.cancel_task_id, self.cancel_claim_no)
        return self.task_id != 0 and is_same and 0 < self.cancel_deadline < time.monotonic_ns()

    def clear(self) -> None:
        """Make the place as new, FREE last."""
        for index in range(1, self.SIZE):
            self.cells[self.base + index] = 0
        self.state = SlotState.FREE


class Board:
    """The header and one slot for each child; slot 0 is the maintenance child's. Inherited by fork."""

    worker_id, stop = _Cell(0), _Cell(1)

    def __init__(self, children: int) -> None:
        size = (children + 1) * Slot.SIZE * 8
        self.cells = memoryview(mmap.mmap(-1, size)).cast("q")
        self.base = 0
        self.slots = [
            Slot(self.cells, (number + 1) * Slot.SIZE, number) for number in range(children)
        ]

    @property
    def maintenance(self) -> Slot:
        return self.slots[0]

    @property
    def executors(self) -> list[Slot]:
        return self.slots[1:]
