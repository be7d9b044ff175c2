"""Footprint: CPU time and memory of a process and all that descend from it, as Linux tells it in /proc."""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


def is_told() -> bool:
    """Tell whether this machine has what is read here."""
    return (_PROC / "self" / "smaps_rollup").exists()


def family(root: int) -> list[int]:
    """Return the pids of a process and its descendants."""
    children: dict[int, list[int]] = {}
    for path in _PROC.iterdir():
        if path.name.isdigit() and (stat := _stat(int(path.name))):
            children.setdefault(int(stat[1]), []).append(int(path.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_seconds(pids: list[int]) -> float:
    """Return the CPU time, in user and kernel mode, that these and their children that ended have used."""
    return sum(sum(map(int, stat[11:15])) for pid in pids if (stat := _stat(pid))) / _TICKS


def pss_bytes(pids: list[int]) -> int:
    """Return the memory of these: pages that some of them share count once."""
    total = 0
    for pid in pids:
        try:
            lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        except OSError:  # it has ended
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def _stat(pid: int) -> list[str]:
    """Return the fields of a process from the third on; none of one that has ended."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
