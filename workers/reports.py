"""Reports: what running tasks tell (progress, log lines, checkpoints) on its way to the database."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from django.db import transaction
from django.db.utils import Error

from taskhub.engines import Engine, get_engine
from taskhub.errors import InvalidCheckpoint
from taskhub.logs import Capture, Pending
from taskhub.queue import write_progress
from taskhub.queue.checkpoints import save_checkpoint
from taskhub.queue.loglines import write_lines
from taskhub.run import YOUNG, Run

logger = logging.getLogger("taskhub.worker")

_PROGRESS_EVERY = YOUNG  # seconds
_LOG_EVERY = 0.5
_PATIENCE = (
    0.02  # how long to wait for a lock (on MySQL a second), while a task that runs may hold it
)
_BLOCKED_FOR = 0.25  # and when to try again


class Reports:
    """Called by the control thread alone. What could not be written is kept, and nothing is written twice.

    For tasks that run nothing is worth waiting for a lock: on SQLite a task may hold the only one for a minute.
    """

    def __init__(self, worker_id: Callable[[], int]) -> None:
        self._worker_id = worker_id
        self._blocked_until = 0.0

    def write(self, running: Iterable[Run], ended: Iterable[Run]) -> None:
        """Write what is due: checkpoints and errands at once, the rest now and then, and all of what has ended.

        Call it before the endings are recorded, for a checkpoint is fenced.

        Raises:
            DatabaseError: of the connection, or of a lock where something has ended; call again, nothing is lost.
        """
        engine = get_engine()
        over = list(ended)
        for run in over:
            run.is_over = True  # before the last look: whoever comes later is told
            self._do_errands(run, engine)
            self._save(run, engine, lambda: transaction.atomic(engine.alias))
        self._report(over, engine, lambda: transaction.atomic(engine.alias))
        self._write_running(list(running), engine)

    def _write_running(self, runs: list[Run], engine: Engine) -> None:
        now = time.monotonic()
        try:
            for run in runs:
                self._do_errands(run, engine)
                if run.savers or now >= self._blocked_until:
                    self._save(run, engine, lambda: engine.impatient(_PATIENCE))
            if now >= self._blocked_until:
                due = [run for run in runs if (at := _due_at(run)) is not None and at <= now]
                self._report(due, engine, lambda: engine.impatient(_PATIENCE))
        except Error as error:
            if not engine.is_conflict(error):
                raise
            self._blocked_until = time.monotonic() + _BLOCKED_FOR

    def seconds_to_next(self, running: Iterable[Run]) -> float | None:
        """Return when `write` has something to do at the latest, unless a run calls its `wake`; None: never."""
        now = time.monotonic()
        times = [0.0 if is_urgent(run) else _look_at(run, now) for run in running]
        known = [at for at in times if at is not None]
        return max(0.0, self._blocked_until - now, min(known) - now) if known else None

    def has_urgent(self, run: Run) -> bool:
        """Tell whether the task waits for something that can be tried now."""
        return is_urgent(run) and time.monotonic() >= self._blocked_until

    # -- what a task waits for --------------------------------------------------------------------------------------

    def _do_errands(self, run: Run, engine: Engine) -> None:
        """Do what the task has asked for; reading waits for nobody."""
        while run.errands:
            errand = run.errands[0]
            try:
                errand.answer(errand.act(engine) if errand.act else None)
            except Exception as error:  # it is the task's, and raised there
                if isinstance(error, Error) and engine.is_transient(error):
                    raise
                errand.fail(error)
            run.errands.popleft()

    def _save(
        self, run: Run, engine: Engine, begin: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """Store the newest checkpoint; who waited before we looked is told, also for an older one."""
        waiting, newest = len(run.savers), run.checkpoint
        failure = None
        if newest is not None and newest is not run.stored_checkpoint:
            claim, worker_id = run.claim, self._worker_id()
            try:
                with begin():
                    is_held = save_checkpoint(
                        engine, claim.id, claim.claim_no, worker_id, claim.attempt, newest.text
                    )
                run.is_stale = run.is_stale or not is_held
            except (Error, ValueError) as error:
                if isinstance(error, Error) and engine.is_transient(error):
                    raise
                logger.error("The checkpoint of task %s was refused: %s", claim.id, error)
                failure = InvalidCheckpoint(f"The database refused the checkpoint: {error}")
            run.stored_checkpoint = newest
        for _ in range(waiting):
            saver = run.savers.popleft()
            saver.answer(not run.is_stale) if failure is None else saver.fail(failure)

    # -- what it tells in passing -----------------------------------------------------------------------------------

    def _report(
        self, runs: list[Run], engine: Engine, begin: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """Write progress and log lines of these runs in one transaction."""
        reports = [(run, run.progress) for run in runs if run.progress is not run.stored_progress]
        logs = [(run, run.log, run.log.pending()) for run in runs if run.log and run.log.is_pending]
        if not reports and not logs:
            return
        try:
            with begin():
                if reports:
                    write_progress(engine, {run.claim.id: said for run, said in reports if said})
                if logs:
                    write_lines(engine, [(run.claim, pending) for run, _, pending in logs])
        except (Error, ValueError) as error:
            if isinstance(error, Error) and engine.is_transient(error):
                raise
            ids = sorted({run.claim.id for run in runs})
            logger.error("Progress and log lines of the tasks %s were refused: %s", ids, error)
        _note_written(reports, logs)


def _note_written(
    reports: list[tuple[Run, tuple[float, str] | None]], logs: list[tuple[Run, Capture, Pending]]
) -> None:
    now = time.monotonic()
    for run, said in reports:
        run.stored_progress, run.progress_at = said, now
    for run, log, pending in logs:
        log.written(pending)
        run.log_at = now


def is_urgent(run: Run) -> bool:
    """Tell whether the task waits for something, or has saved a checkpoint."""
    return bool(run.errands or run.savers) or run.checkpoint is not run.stored_checkpoint


def _due_at(run: Run) -> float | None:
    """Return when something of this run is to be written; a run that is young is let alone."""
    times = []
    if run.progress is not run.stored_progress:
        times.append((run.progress_at or run.started) + _PROGRESS_EVERY)
    if run.log is not None and run.log.is_pending:
        times.append((run.log_at or run.started) + _LOG_EVERY)
    return min(times) if times else None


def _look_at(run: Run, now: float) -> float | None:
    """Return when to look at this run: it wakes nobody while it is young."""
    due, grown_up = _due_at(run), run.started + YOUNG
    if now < grown_up:
        return grown_up if due is None else min(due, grown_up)
    return due
