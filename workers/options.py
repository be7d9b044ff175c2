"""What `runworker` was asked to do."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from taskhub.models.worker import WorkerKind
from taskhub.option_rules import MAX_QUEUE


class BadOption(ValueError):
    """An option of `runworker` that cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """The options of one worker. Without queues it works on every queue; durations are seconds.

    `threads` and `coroutines` are slots of one child each; `max_tasks_per_child` and `max_rss_mb` of 0 are no limit.
    """

    queues: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    processes: int = 2
    threads: int = 0
    coroutines: int = 0
    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    is_draining: bool = False
    is_reloading: bool = False
    is_scheduling: bool = True
    max_tasks_per_child: int = 0
    max_rss_mb: int = 0
    shutdown_timeout: float = 30.0

    def __post_init__(self) -> None:
        for option, value, most in (
            ("--processes", self.processes, 1000),
            ("--threads", self.threads, 1000),
            ("--async", self.coroutines, 3000),
        ):
            if not 0 <= value <= most:
                raise BadOption(f"{option} {value}: expected 0 to {most}.")
        if not self.slots:
            raise BadOption(
                "--processes, --threads and --async are all 0: expected 1 or more of one of them."
            )
        for option, value in (
            ("--max-tasks-per-child", self.max_tasks_per_child),
            ("--max-rss", self.max_rss_mb),
        ):
            if value < 0:
                raise BadOption(f"{option} {value}: expected 1 or more, or 0 for no limit.")
        if not 0 < len(self.name) <= 150:
            raise BadOption(f"--name {self.name!r}: expected 1 to 150 characters.")
        if self.shutdown_timeout < 0:
            raise BadOption(
                f"--shutdown-timeout {self.shutdown_timeout:g}: expected seconds, zero or more."
            )

    @property
    def slots(self) -> int:
        """How many tasks the worker runs at a time."""
        return self.processes + self.threads + self.coroutines

    @property
    def kinds(self) -> list[tuple[WorkerKind, int]]:
        """Return the children to start, each with its number of slots."""
        kinds = [(WorkerKind.EXECUTOR, 1)] * self.processes
        kinds += [(WorkerKind.THREADS, self.threads)] if self.threads else []
        return kinds + ([(WorkerKind.ASYNC, self.coroutines)] if self.coroutines else [])


def parse_queues(given: Iterable[str], declared: Iterable[str]) -> dict[str, int]:
    """Read NAME or NAME:WEIGHT, also several separated by commas, into weights.

    Raises:
        BadOption: a weight that is not a whole number above zero, a queue that settings.TASKS does not declare.
    """
    weights: dict[str, int] = {}
    known = set(declared)
    for item in (part.strip() for text in given for part in text.split(",")):
        name, has_weight, weight = item.rpartition(":")
        if not has_weight:
            name, weight = item, "1"
        if (
            not name
            or len(name) > MAX_QUEUE
            or not weight.isdecimal()
            or not 1 <= int(weight) <= 1000
        ):
            raise BadOption(
                f"--queue {item!r}: expected NAME or NAME:WEIGHT with a weight from 1 to 1000."
            )
        if known and name not in known:
            raise BadOption(
                f"--queue {name!r}: settings.TASKS declares the queues {', '.join(sorted(known))} "
                "('QUEUES' of the backend; [] allows any)."
            )
        weights[name] = int(weight)
    return weights
