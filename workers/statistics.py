"""Statistics: what a worker and its children have done, read off the board and from the operating system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from taskhub.engines.rows import Ending
from workers import memory
from workers.board import SUMS, Board, Child


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


def count(child: Child, endings: Sequence[Ending]) -> None:
    """Add attempts that have ended, as they are on record, to what a child has done."""
    ended = [ending for ending in endings if ending.outcome]  # the others were given back
    if not ended:
        return
    spent = [int(ending.seconds * 1e9) for ending in ended]
    outcomes = [ending.outcome for ending in ended]
    child.processed += len(ended)
    child.run_ns += sum(spent)
    child.longest_ns = max(child.longest_ns, *spent)
    child.succeeded += outcomes.count("succeeded")
    child.failed += outcomes.count("failed")
    child.retried += outcomes.count("retrying")


def of_child(child: Child) -> Statistics:
    """Return what a child has done since it was started."""
    processed, succeeded, failed, retried, run_ns = (
        getattr(child, name) - getattr(child, f"before_{name}") for name in SUMS
    )
    return Statistics(
        len(child.running), processed, succeeded, failed, retried,
        run_ns / 1e9, child.longest_ns / 1e9, memory.rss_bytes(child.pid), memory.cpu_seconds(child.pid),
    )  # fmt: skip


def of_worker(board: Board, supervisor_pid: int) -> Statistics:
    """Return what all children have done, those that are gone included; memory and CPU of those that are there."""
    up = [child for child in board.all if child.is_up]
    processed, succeeded, failed, retried, run_ns = (
        sum(getattr(child, name) for child in board.children) for name in SUMS
    )
    return Statistics(
        busy=sum(len(child.running) for child in up),
        processed=processed,
        succeeded=succeeded,
        failed=failed,
        retried=retried,
        run_seconds=run_ns / 1e9,
        longest_seconds=max(max(c.longest_ns, c.longest_ever_ns) for c in board.children) / 1e9,
        rss_bytes=memory.rss_bytes(supervisor_pid) + sum(memory.rss_bytes(c.pid) for c in up),
        cpu_seconds=memory.cpu_seconds(supervisor_pid) + sum(memory.cpu_seconds(c.pid) for c in up),
    )
