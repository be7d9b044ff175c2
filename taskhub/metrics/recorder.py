"""Recorder: counts the attempts that end in one process, and writes the counts every few seconds."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from django.db.utils import Error

from taskhub.engines import Engine
from taskhub.engines.rows import Claim, Ending
from taskhub.metrics.histogram import bucket_of
from taskhub.metrics.tally import MINUTE, Key, Tally, add_to_rows
from taskhub.models import MetricWriter

logger = logging.getLogger("taskhub.metrics")

EVERY = 5.0  # seconds between two writes
PATIENCE = 0.25  # seconds that a write waits for somebody's lock; on MySQL it is one
LONGEST_PAUSE = 60.0  # seconds between two attempts to write
KEPT_MINUTES = 60  # that are waited with while nothing can be written

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


class Recorder:
    """The counts of one process, used by one thread.

    What was counted goes into a batch, and a batch into the table, once: where the answer to a commit is lost, the row
    of MetricWriter tells whether the batch is there. So neither when a batch arrives matters, nor what maintenance has
    done with the rows before it.
    """

    def __init__(self) -> None:
        self._counted: dict[Key, Tally] = {}
        self._batch: dict[Key, Tally] = {}  # sent, and not yet known to be in the table
        self._batch_id: UUID | None = None
        self._due_at = 0.0
        self._pause = EVERY

    def count(self, claim: Claim, ending: Ending) -> None:
        """Count the end of an attempt; a claim that was given back is none."""
        if ending.outcome is None:
            return
        started_at, finished_at = ending.started_at, ending.finished_at
        minute = (finished_at - _EPOCH) // _MINUTE
        key = (minute * MINUTE, claim.queue, claim.name, ending.outcome)
        tally = self._counted.get(key)  # type: ignore[call-overload]  # a plain tuple is equal, and made faster
        if tally is None:
            tally = self._counted[Key(*key[:3], str(ending.outcome))] = Tally()
        wait = (started_at - claim.ready_at).total_seconds()
        run = (finished_at - started_at).total_seconds()
        tally.count += 1
        tally.waits[bucket_of(wait)] += 1
        tally.runs[bucket_of(run)] += 1
        tally.wait_seconds += wait if wait > 0 else 0.0  # the clocks of two machines may disagree
        tally.run_seconds += run if run > 0 else 0.0

    def is_due(self, now: float) -> bool:
        """Tell whether there is something to write, by the monotonic clock."""
        return now >= self._due_at and bool(self._counted or self._batch)

    def flush(self, engine: Engine, writer_id: int) -> bool:
        """Add the counts to the rows of this writer, in a transaction of its own; tell whether they are there.

        It gives up soon where somebody else has locked the table, and keeps the counts for later. `writer_id` is
        always the same, and nobody else's.
        """
        if not self._batch:
            self._batch, self._counted, self._batch_id = self._counted, {}, uuid4()
        if not self._batch:
            return True
        try:
            self._write(engine, writer_id)
        except Error as error:
            self._put_off(error)
            if not engine.is_conflict(error):
                engine.connection.close()
            return False
        self._batch = {}
        self._pause = EVERY
        self._due_at = time.monotonic() + EVERY
        return True

    def _write(self, engine: Engine, writer_id: int) -> None:
        writers = MetricWriter.objects.using(engine.alias)
        with engine.impatient(PATIENCE):
            row = writers.select_for_update().filter(pk=writer_id).first()
            if row is not None and row.last_write == self._batch_id:
                return
            written = {"last_write": self._batch_id, "written_at": engine.now()}
            if row is None:
                writers.create(writer=writer_id, **written)
            else:
                writers.filter(pk=writer_id).update(**written)
            add_to_rows(engine, writer_id, MINUTE, self._batch)

    def _put_off(self, error: Error) -> None:
        logger.warning(
            "Metrics were not written, trying again in %g s: %s", self._pause, str(error).strip()
        )
        self._due_at = time.monotonic() + self._pause
        self._pause = min(LONGEST_PAUSE, self._pause * 2)
        starts = sorted({key.start for counts in (self._batch, self._counted) for key in counts})
        too_old = set(starts[:-KEPT_MINUTES])
        for counts in (self._batch, self._counted):
            lost = [key for key in counts if key.start in too_old]
            if lost:
                number = sum(counts.pop(key).count for key in lost)
                logger.error(
                    "Metrics of %d attempts are dropped: for %d minutes nothing could be written.",
                    number,
                    KEPT_MINUTES,
                )
