"""Reports: what running tasks say of themselves, on its way to the database."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from taskhub.context import Run
from taskhub.engines import get_engine
from taskhub.queue import write_progress
from workers.persistence import Persistence

_PROGRESS_EVERY = 0.2  # seconds


class Reports:
    """Writes the last progress of each run, now and then while it runs and once more at its end."""

    def __init__(self, persistence: Persistence) -> None:
        self._persistence = persistence
        self._written_at = 0.0

    def write(self, running: Iterable[Run], ended: Sequence[Run]) -> None:
        """Write what is due."""
        now = time.monotonic()
        runs = list(ended)
        if now - self._written_at >= _PROGRESS_EVERY:
            runs += running
        reports = {}
        for run in runs:
            report, run.progress = run.progress, None
            if report is not None:
                reports[run.claim.id] = report
        if reports:
            self._written_at = now
            self._persistence.trying(lambda: write_progress(get_engine(), reports))

    def seconds_to_next(self, running: Sequence[Run]) -> float:
        """Return when to look again."""
        if any(run.progress is not None for run in running):
            return max(0.01, self._written_at + _PROGRESS_EVERY - time.monotonic())
        return _PROGRESS_EVERY if any(run.definition.takes_context for run in running) else 60.0
