"""Memory and CPU of a process, as Linux tells it in /proc; zeros elsewhere."""

from __future__ import annotations

import os
import time
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
_LOOK_EVERY = 1.0  # seconds


def rss_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used, in user and kernel mode."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    except (OSError, IndexError):
        return 0.0


class Growth:
    """Watches whether this process has grown bigger than it may; looks once a second, or when it is told to."""

    def __init__(self, most_mb: int) -> None:
        self._most = most_mb << 20
        self._looked_at = 0.0
        self._is_too_big = False

    def look_again(self) -> None:
        """Look at once when asked next: something has ended that may have left memory behind."""
        self._looked_at = 0.0

    @property
    def is_too_big(self) -> bool:
        """The process is bigger than it may be; never where nothing limits it."""
        now = time.monotonic()
        if self._most and now - self._looked_at >= _LOOK_EVERY:
            self._looked_at = now
            self._is_too_big = rss_bytes(os.getpid()) > self._most
        return self._is_too_big
