"""Pools: which child of a worker runs a task, by what the task asks for and what the worker has."""

from __future__ import annotations

from taskhub.models.worker import WorkerKind
from taskhub.option_rules import POOLS
from workers.options import WorkerOptions

_OWN = {WorkerKind.EXECUTOR: "process", WorkerKind.THREADS: "thread", WorkerKind.ASYNC: "async"}
# Who takes what nobody of its kind is there for, the first that the worker has. A task that asks for nothing may run
# in processes and threads alike; an event loop gets it only where there is neither.
_STAND_INS = {
    "process": (WorkerKind.THREADS, WorkerKind.ASYNC),
    "thread": (WorkerKind.EXECUTOR, WorkerKind.ASYNC),
    "async": (WorkerKind.THREADS, WorkerKind.EXECUTOR),
}


EVERY_POOL = ("", *POOLS)  # as tasks ask for them


def skipped(kind: WorkerKind, options: WorkerOptions) -> list[str]:
    """Return the pools whose tasks a child of this kind leaves to other children of the worker."""
    return [pool for pool in POOLS if kind not in _takers(pool, options)]


def left_to_executors(kind: WorkerKind, options: WorkerOptions) -> list[str]:
    """Return the pools whose risky tasks a child of this kind leaves to the worker's processes, which take them too."""
    if kind == WorkerKind.EXECUTOR:
        return []
    both = {kind, WorkerKind.EXECUTOR}
    return [pool for pool in EVERY_POOL if both <= _takers(pool, options)]


def _takers(pool: str, options: WorkerOptions) -> set[WorkerKind]:
    there = {kind for kind, _ in options.kinds}
    if not pool:
        return (there - {WorkerKind.ASYNC}) or there
    own = next(kind for kind, name in _OWN.items() if name == pool)
    if own in there:
        return {own}
    return {next(kind for kind in _STAND_INS[pool] if kind in there)}
