"""Report: figures as a table for people, and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from taskhub.bench.figures import NOT_HERE, Figure
from taskhub.bench.machine import Machine
from taskhub.bench.options import BenchOptions

_SHAPE = 1  # of the JSON; grows when a key changes its meaning
_HEAD = ("measured", "figure", "")


def page(options: BenchOptions, machine: Machine, figures: Sequence[Figure]) -> str:
    """Return the table below what it was measured on."""
    lines = [str(machine), f"runworker {' '.join(options.worker_arguments)}", "", table(figures)]
    if machine.is_busy:
        load = f"load {machine.load:g} on {machine.cores} cores"
        lines += ["", f"The machine was busy before it began ({load}): it does better when quiet."]
    return "\n".join(lines)


def table(figures: Sequence[Figure]) -> str:
    """Return a line for each figure, in columns."""
    rows = [_HEAD, *((figure.label, _value(figure), _remark(figure)) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    lines = [
        f"{label:<{widths[0]}}  {value:>{widths[1]}}  {remark}".rstrip()
        for label, value, remark in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def to_json(options: BenchOptions, machine: Machine, figures: Sequence[Figure]) -> str:
    """Return everything as one JSON object; numbers have four significant digits."""
    told: dict[str, Any] = {
        "taskhub_bench": _SHAPE,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.to_json(),
        "options": {
            "worker": options.worker_arguments, "tasks": options.tasks, "seconds": options.seconds,
            "rows": options.rows if "growth" in options.measures else None,
        },
        "figures": {figure.key: figure.to_json() for figure in figures},
    }  # fmt: skip
    return json.dumps(told, indent=2)


def _value(figure: Figure) -> str:
    if figure.value is None:
        return NOT_HERE
    digits = 0 if figure.value >= 100 else 1 if figure.value >= 10 else 2
    return f"{figure.value:,.{digits}f} {figure.unit}"


def _remark(figure: Figure) -> str:
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f} × the {figure.ratio_to}"
    if figure.ratio_to == "alone":
        ratio = f"{figure.ratio:.2f} × that alone"
    note = "" if figure.value is None else figure.note
    return ", ".join(filter(None, (ratio, note)))
