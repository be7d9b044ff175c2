"""The board: memory that a supervisor shares with its children, so that it knows what each was doing when it died."""

from __future__ import annotations

import mmap
import time
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from taskhub.models.worker import WorkerKind
from workers.bell import Bell
from workers.tray import Tray

SUMS = ("processed", "succeeded", "failed", "retried", "run_ns")


class ChildState(IntEnum):
    """Where a child's place stands. The supervisor fills it, the child announces itself, maintenance clears it."""

    FREE = 0  # the supervisor may start a child here
    STARTING = 1
    ALIVE = 2  # its Worker row exists
    DEAD = 3  # the child has ended; maintenance rescues what it held, then sets FREE
    LEAVING = 4  # everything is recorded; its process is about to end


class Death(IntEnum):
    """Why the supervisor killed a child."""

    UNKNOWN = 0  # it did not: the child died by itself or by somebody else's hand
    TIMEOUT = 1
    CANCEL = 2
    SHUTDOWN = 3
    SILENT = 4  # its control thread gave no sign of life


class Stop(IntEnum):
    """What all children are told."""

    NO = 0
    GRACEFUL = 1
    NOW = 2


class Order(IntEnum):
    """What an operator has told the worker."""

    WORK = 0
    QUIET = 1
    STOP = 2


class _Cell:
    """One 64-bit number of the board; aligned, so that it is never seen half written."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __get__(self, owner: Any, kind: type | None = None) -> int:
        return owner.cells[owner.base + self.index]  # type: ignore[no-any-return]

    def __set__(self, owner: Any, value: int) -> None:
        owner.cells[owner.base + self.index] = value


class Slot:
    """What one slot of a child runs. Times are nanoseconds of the monotonic clock, which all processes share."""

    SIZE = 8
    task_id, claim_no = _Cell(0), _Cell(1)  # task_id 0: nothing
    deadline = _Cell(2)  # when the supervisor kills the child; 0: never
    # When the supervisor kills the child because this claim was cancelled; of no meaning for any other claim.
    cancel_deadline, cancel_task_id, cancel_claim_no = _Cell(3), _Cell(4), _Cell(5)
    is_culprit = _Cell(6)  # the child was killed because of it

    def __init__(self, cells: memoryview, base: int) -> None:
        self.cells, self.base = cells, base

    def begin(self, task_id: int, claim_no: int, deadline: float) -> None:
        """Note the claim that starts; `deadline` in seconds."""
        cells, base = self.cells, self.base
        cells[base + 1] = claim_no
        cells[base + 2] = int(deadline * 1e9)
        cells[base] = task_id

    def end(self) -> None:
        """Note that the claim has ended."""
        self.cells[self.base] = 0

    @property
    def fence(self) -> tuple[int, int]:
        return self.task_id, self.claim_no

    def clear(self) -> None:
        for index in range(self.SIZE):
            self.cells[self.base + index] = 0

    @property
    def overdue(self) -> Death | None:
        """Why the child is to be killed for the claim that runs here, if it is."""
        now, task_id = time.monotonic_ns(), self.task_id
        if not task_id:
            return None
        if 0 < self.deadline < now:
            return Death.TIMEOUT
        is_same = self.fence == (self.cancel_task_id, self.cancel_claim_no)
        return Death.CANCEL if is_same and 0 < self.cancel_deadline < now else None


class Child:
    """One child's place: what it is, how it is, and what it has done; with its bell, its tray and its slots."""

    SIZE = 24
    state, pid, worker_id, born_at = _Cell(0), _Cell(1), _Cell(2), _Cell(3)
    tick = _Cell(4)  # last sign of life of the control thread
    death, exit_code = _Cell(5), _Cell(6)
    empty_claims = _Cell(7)  # claims in a row that found nothing while the child was idle
    moved_at = _Cell(8)  # when a claim was last put on the tray or taken off it
    given_back = _Cell(9)  # claims that maintenance took off the tray
    longest_ns = _Cell(10)  # of this child
    # Of all children that this place has had, so that the sums of a worker only grow; and what they were at its birth.
    processed, succeeded, failed, retried, run_ns = map(_Cell, range(11, 16))
    before_processed, before_succeeded, before_failed, before_retried, before_run_ns = map(
        _Cell, range(16, 21)
    )
    longest_ever_ns = _Cell(21)
    _TO_CLEAR = range(1, 11)

    def __init__(
        self, cells: memoryview, base: int, number: int, kind: WorkerKind, slots: int
    ) -> None:
        self.cells, self.base = cells, base
        self.number, self.kind = number, kind
        self.bell, self.tray = Bell(), Tray()
        first = base + self.SIZE
        self.slots = [Slot(cells, first + index * Slot.SIZE) for index in range(slots)]

    @property
    def is_up(self) -> bool:
        return self.state in (ChildState.STARTING, ChildState.ALIVE, ChildState.LEAVING)

    @property
    def running(self) -> list[Slot]:
        """The slots that run something."""
        return [slot for slot in self.slots if slot.task_id]

    @property
    def is_within_a_deadline(self) -> bool:
        """A task runs that may still hold the interpreter without being killed for it."""
        now = time.monotonic_ns()
        return any(now < slot.deadline for slot in self.running)

    def silence(self) -> float:
        """Return the seconds since the control thread gave a sign of life."""
        return (time.monotonic_ns() - max(self.tick, self.born_at)) / 1e9

    def clear(self) -> None:
        """Make the place as new, FREE last; its sums stay. May be repeated."""
        self.tray.take_all()
        self.longest_ever_ns = max(self.longest_ever_ns, self.longest_ns)
        for name in SUMS:
            setattr(self, f"before_{name}", getattr(self, name))
        for index in self._TO_CLEAR:
            self.cells[self.base + index] = 0
        for slot in self.slots:
            slot.clear()
        self.state = ChildState.FREE


class Board:
    """The header and the children's places; number 0 is the maintenance child's. Inherited by fork."""

    SIZE = 8
    worker_id, stop = _Cell(0), _Cell(1)
    order = _Cell(2)  # of an operator, as the row has it
    is_supervisor_at_rest = _Cell(3)  # it looks for deadlines seldom, and wants to be woken for one

    def __init__(self, kinds: Sequence[tuple[WorkerKind, int]]) -> None:
        """Make a board for a maintenance child and children of these kinds, each with its number of slots."""
        places = [(WorkerKind.WORKER, 0), *kinds]
        sizes = [Child.SIZE + slots * Slot.SIZE for _, slots in places]
        self.cells = memoryview(mmap.mmap(-1, (self.SIZE + sum(sizes)) * 8)).cast("q")
        self.base = 0
        self.bell = Bell()  # the supervisor's
        starts = [self.SIZE + sum(sizes[:number]) for number in range(len(places))]
        self.all = [
            Child(self.cells, start, number, kind, slots)
            for number, (start, (kind, slots)) in enumerate(zip(starts, places, strict=True))
        ]
        self.maintenance, self.children = self.all[0], self.all[1:]

    def ring_all(self, what: bytes, but: Child | None = None) -> None:
        """Ring the bells of all children that run tasks, or of all `but` one; any thread of any process may."""
        for child in self.children:
            if child is not but:
                child.bell.ring(what)

    def wake_supervisor(self) -> None:
        """Let it look at the board from now on: a slot has got something to run. Any child may."""
        if self.is_supervisor_at_rest:
            self.is_supervisor_at_rest = 0
            self.bell.ring()
