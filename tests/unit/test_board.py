"""The board keeps what the children of a worker have done, whatever becomes of them."""

import os

from taskhub.models.worker import WorkerKind
from workers.board import Board, ChildState
from workers.statistics import of_child, of_worker


def test_sums_of_a_worker_neither_shrink_nor_grow_while_a_child_is_buried_and_replaced():
    board = Board([(WorkerKind.EXECUTOR, 1), (WorkerKind.EXECUTOR, 1)])
    child, other = board.children
    child.state = other.state = ChildState.ALIVE
    child.processed, child.failed, child.longest_ns, other.processed = 5, 2, 70, 1

    def sums():
        now = of_worker(board, os.getpid())
        return now.processed, now.failed, round(now.longest_seconds * 1e9)

    assert sums() == (6, 2, 70)
    child.state = ChildState.DEAD
    assert sums() == (6, 2, 70)
    child.clear()
    assert sums() == (6, 2, 70)
    child.clear()
    child.state = ChildState.ALIVE
    assert of_child(child).processed == of_child(child).failed == 0
    child.processed += 3
    assert of_child(child).processed == 3
    assert sums() == (9, 2, 70)
