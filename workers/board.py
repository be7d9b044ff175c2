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
    def overdue(self) -> Death | None:
        """Why the child is to be killed for the claim that runs here, if it is."""
        now, task_id = time.monotonic_ns(), self.task_id
        if not task_id:
            return None
        if 0 < self.deadline < now:
            return Death.TIMEOUT
        is_same = (task_id, self.claim_no) == (self.cancel_task_id, self.cancel_claim_no)
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
    processed, succeeded, failed, retried = _Cell(10), _Cell(11), _Cell(12), _Cell(13)
    run_ns, longest_ns = _Cell(14), _Cell(15)

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
        """Make the place as new, FREE last."""
        self.tray.take_all()
        for index in range(self.base + 1, self.base + self.SIZE + len(self.slots) * Slot.SIZE):
            self.cells[index] = 0
        self.state = ChildState.FREE


class Board:
    """The header and the children's places; number 0 is the maintenance child's. Inherited by fork."""

    SIZE = 8
    worker_id, stop = _Cell(0), _Cell(1)
    # What children did that are gone, so that the sums of a worker only grow.
    processed, succeeded, failed, retried, run_ns, longest_ns = map(_Cell, range(2, 8))

    def __init__(self, kinds: Sequence[tuple[WorkerKind, int]]) -> None:
        """Make a board for a maintenance child and children of these kinds, each with its number of slots."""
        places = [(WorkerKind.WORKER, 0), *kinds]
        sizes = [Child.SIZE + slots * Slot.SIZE for _, slots in places]
        self.cells = memoryview(mmap.mmap(-1, (self.SIZE + sum(sizes)) * 8)).cast("q")
        self.base = 0
        starts = [self.SIZE + sum(sizes[:number]) for number in range(len(places))]
        self.all = [
            Child(self.cells, start, number, kind, slots)
            for number, (start, (kind, slots)) in enumerate(zip(starts, places, strict=True))
        ]
        self.maintenance, self.children = self.all[0], self.all[1:]

    def remember(self, child: Child) -> None:
        """Add what a dead child did to the sums; its place is about to be cleared."""
        for name in ("processed", "succeeded", "failed", "retried", "run_ns"):
            setattr(self, name, getattr(self, name) + getattr(child, name))
        self.longest_ns = max(self.longest_ns, child.longest_ns)
