"""What `taskhub_bench` was asked to measure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

USUAL = ("enqueue", "many", "drain", "idle", "pickup")
ON_DEMAND = ("growth", "pools")  # they take longer
ROWS = 100_000  # that `growth` puts beside the tasks, four times


class BadOption(ValueError):
    """An option of `taskhub_bench` that cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions:
    """What to measure, how much of it, and with which worker.

    `tasks` are enqueued in one bulk and drained; `seconds` bound what is measured one by one. `rows` are those that
    `growth` makes of each kind. Without `processes`, `threads` and `coroutines` the worker is a plain `runworker`.

    Raises:
        BadOption: names the option, its value and what was expected.
    """

    database: str
    measures: tuple[str, ...] = USUAL
    tasks: int = 10_000
    seconds: float = 4.0
    rows: int = ROWS
    processes: int | None = None
    threads: int = 0
    coroutines: int = 0

    def __post_init__(self) -> None:
        _check("--tasks", self.tasks, 20, 1_000_000)
        _check("--seconds", self.seconds, 0.5, 600)
        _check("--growth", self.rows, 1000, 10_000_000)
        _check("--threads", self.threads, 0, 1000)
        _check("--async", self.coroutines, 0, 3000)
        if self.processes is None:
            usual = 0 if self.threads or self.coroutines else 2  # as runworker has it
            object.__setattr__(self, "processes", usual)
        _check("--processes", self.processes or 0, 0, 1000)
        if not (self.processes or self.threads or self.coroutines):
            raise BadOption("--processes 0: expected 1 or more, or --threads or --async with it.")

    @property
    def worker_arguments(self) -> list[str]:
        """Return the options of `runworker` that choose its pools."""
        words = ["--processes", str(self.processes)]
        words += ["--threads", str(self.threads)] if self.threads else []
        return words + (["--async", str(self.coroutines)] if self.coroutines else [])


def choose(only: Iterable[str], *, has_growth: bool, has_pools: bool) -> tuple[str, ...]:
    """Return what to measure, in the order in which it is done.

    Raises:
        BadOption: a name that is none of the measures.
    """
    known = (*USUAL, *ON_DEMAND)
    named = [name for text in only for name in text.split(",")]
    for name in named:
        if name not in known:
            raise BadOption(f"--only {name!r}: expected some of {','.join(known)}.")
    wanted = {*(named or USUAL)}
    wanted |= {
        name for name, is_on in zip(ON_DEMAND, (has_growth, has_pools), strict=True) if is_on
    }
    return tuple(name for name in known if name in wanted)


def _check(option: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:  # not a number is neither
        raise BadOption(f"{option} {value:g}: expected {least:g} to {most:g}.")
