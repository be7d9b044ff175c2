"""Statistics: what a worker and its children have done, read off the board and from the operating system."""

from __future__ import annotations

from typing import NamedTuple

from workers import memory
from workers.board import Board, Child


class Statistics(NamedTuple):
    """Columns of a Worker row."""

    busy: int = 0
    processed: int = 0
    succeeded: int = 0
    failed: int = 0
    retried: int = 0
    run_seconds: float = 0.0
    longest_seconds: float = 0.0
    rss_bytes: int = 0
    cpu_seconds: float = 0.0


def of_child(child: Child) -> Statistics:
    """Return what a child has done since it was started."""
    return Statistics(
        len(child.running), child.processed, child.succeeded, child.failed, child.retried,
        child.run_ns / 1e9, child.longest_ns / 1e9, memory.rss_bytes(child.pid), memory.cpu_seconds(child.pid),
    )  # fmt: skip


def of_worker(board: Board, supervisor_pid: int) -> Statistics:
    """Return what all children have done, those that are gone included; memory and CPU of those that are there."""
    up = [child for child in board.all if child.is_up]
    columns = list(zip(*map(of_child, up), strict=True))
    return Statistics(
        busy=sum(columns[0]),
        processed=board.processed + sum(columns[1]),
        succeeded=board.succeeded + sum(columns[2]),
        failed=board.failed + sum(columns[3]),
        retried=board.retried + sum(columns[4]),
        run_seconds=board.run_ns / 1e9 + sum(columns[5]),
        longest_seconds=max(board.longest_ns / 1e9, *columns[6]),
        rss_bytes=memory.rss_bytes(supervisor_pid) + sum(columns[7]),
        cpu_seconds=memory.cpu_seconds(supervisor_pid) + sum(columns[8]),
    )
