"""Machine: what must stand beside figures for them to mean anything."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass

import django

from taskhub import __version__
from taskhub.engines import get_engine, measuring


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured. `durability` holds the database's settings of what a crash may take."""

    cores: int
    python: str
    django: str
    taskhub: str
    system: str
    load: float  # average of the last minute, before it was measured
    database: str
    durability: dict[str, str]

    def to_json(self) -> dict[str, object]:
        return asdict(self)

    @property
    def is_busy(self) -> bool:
        """Something else took more than half of the machine."""
        return self.load > self.cores / 2

    def __str__(self) -> str:
        settings = ", ".join(f"{name}={value}" for name, value in self.durability.items())
        return (
            f"{self.database} ({settings})\n"
            f"taskhub {self.taskhub}, Django {self.django}, Python {self.python}, {self.cores} cores, {self.system}"
        )


def describe() -> Machine:
    engine = get_engine()
    return Machine(
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        python=platform.python_version(),
        django=django.get_version(),
        taskhub=__version__,
        load=round(os.getloadavg()[0], 1),
        system=f"{platform.system()} {platform.machine()}",
        database=measuring.server(engine),
        durability=measuring.durability(engine),
    )  # fmt: skip
