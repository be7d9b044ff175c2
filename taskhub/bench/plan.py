"""Plan: what is going to happen, said before it does."""

from __future__ import annotations

from taskhub.bench.admission import PREFIX
from taskhub.bench.floor import TABLE
from taskhub.bench.options import BenchOptions

_KINDS = 3  # of rows that `growth` makes, and once more of queued ones


def words(options: BenchOptions, server: str) -> str:
    """Return a few sentences for whoever has to agree."""
    worker = " ".join(options.worker_arguments)
    lines = [
        f"taskhub_bench measures {', '.join(options.measures)} on the database {options.database!r} ({server}).",
        f"- It writes about {_tasks(options):,} tasks into queues named {PREFIX}-…, and a table {TABLE}.",
        f"- It starts `runworker {worker}` on those queues only. As every worker does, it queues what is due,",
        "  rescues what dead workers hold, and deletes what RETENTION says.",
        f"- It takes about {_duration(options):.0f} s, in which the database and this machine are busy.",
        "- At the end, after Ctrl-C and after errors it removes all that it has written.",
    ]
    return "\n".join(lines)


def _tasks(options: BenchOptions) -> int:
    chosen = options.measures
    total = options.tasks * sum(name in chosen for name in ("many", "drain"))
    total += int(options.seconds * 1000) if "enqueue" in chosen else 0  # more or less
    total += 5 * options.tasks + (_KINDS + 1) * options.rows if "growth" in chosen else 0
    return total + (int(options.seconds * 5000) if "pools" in chosen else 0)


def _duration(options: BenchOptions) -> float:
    """Return a rough guess in seconds."""
    seconds, chosen = options.seconds, options.measures
    total = 2 + (seconds if "enqueue" in chosen else seconds / 4)
    total += 3 * seconds if "idle" in chosen else 0
    total += seconds if "pickup" in chosen else 0
    total += 3 if {"idle", "pickup"} & {*chosen} else 0
    total += 2 * seconds + 4 if "pools" in chosen else 0
    return total + _tasks(options) / 3000
