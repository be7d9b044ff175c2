"""Recording: how runs have ended and what they tell, on its way to the database, in batches; and counted."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from taskhub import telling
from taskhub.context import Run
from taskhub.engines import get_engine
from taskhub.metrics import Recorder
from taskhub.queue import finish
from workers import statistics
from workers.board import Child
from workers.outbox import Done, Outbox
from workers.persistence import Persistence
from workers.reports import Reports


class Recording:
    """What a control thread writes of the tasks that its child runs; what could not be written is kept."""

    def __init__(
        self, child: Child, worker_name: str, runs: Sequence[Run | None], persistence: Persistence
    ) -> None:
        self.outbox = Outbox()
        self._child, self._worker_name, self._runs = child, worker_name, runs
        self._persistence = persistence
        self._reports = Reports(lambda: child.worker_id)
        self._metrics = Recorder()
        self._late: deque[Run] = deque()

    def add_late(self, run: Run) -> None:
        """Write once more what a run tells that has ended; any thread may call this."""
        self._late.append(run)

    @property
    def is_late(self) -> bool:
        """A run that has ended has something to tell."""
        return bool(self._late)

    @property
    def running(self) -> list[Run]:
        """What runs now."""
        return [run for run in self._runs if run is not None]

    def seconds_to_next(self) -> float | None:
        """Return when there is something to write at the latest, unless it is handed over; None: never."""
        return self._reports.seconds_to_next(self.running)

    def write(self) -> list[Done]:
        """Write down what has ended, and what the running tasks report; return what has ended."""
        batch = self.outbox.take_all()
        running = self.running  # looked at second: what ends in between is neither
        ended = [done.run for done in batch if done.run is not None]
        ended += [self._late.popleft() for _ in range(len(self._late))]
        if running or ended:
            self._persistence.trying(lambda: self._reports.write(running, ended))
        if batch:
            self._finish(batch)
        return batch

    def _finish(self, batch: list[Done]) -> None:
        engine, child = get_engine(), self._child
        endings = [done.ending for done in batch if not done.is_recorded]
        recorded = {
            ending.fence: ending
            for ending in self._persistence.trying(
                lambda: finish(engine, child.worker_id, self._worker_name, endings)
            )
        }
        ends = [
            done.ending if done.is_recorded else recorded.get(done.ending.fence) for done in batch
        ]
        statistics.count(child, [ending for ending in ends if ending is not None])
        is_heard = telling.is_heard()
        for done, ending in zip(batch, ends, strict=True):
            if ending is not None:
                self._metrics.count(done.claim, ending)
            done.answer(ending)
            if is_heard and ending is not None:
                definition = done.run.definition if done.run else None
                telling.tell_recorded(done.claim, definition, ending, self._worker_name)

    def flush_metrics(self, *, only_if_due: bool = True) -> None:
        """Store what was counted for the metrics."""
        if not only_if_due or self._metrics.is_due(time.monotonic()):
            self._metrics.flush(get_engine(), self._child.worker_id)
