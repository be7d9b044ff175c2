"""InlineWorker: one slot in the calling thread, with a Worker row as long as it works."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import ClassVar, Self

from django.db.utils import Error

from taskhub import __version__, compat, telling
from taskhub.capturing import Capturing
from taskhub.context import Run
from taskhub.engines import get_engine
from taskhub.engines.rows import Claim, Ending
from taskhub.errors import TaskhubError
from taskhub.metrics import Recorder
from taskhub.models import Worker
from taskhub.models.worker import WorkerKind
from taskhub.queue import finish
from workers import registration
from workers.board import Slot
from workers.execution import definition_of
from workers.inline.execution import InlineExecution
from workers.inline.running import InlineRun
from workers.inline.transactions import Standing
from workers.outbox import Done
from workers.reports import Reports
from workers.work import Work


class _Desk:
    """Stands in for a control thread: what is handed in is recorded before the call returns."""

    def __init__(self, worker: Worker) -> None:
        self.worker_name = worker.name
        self.runs: list[Run | None] = [None]
        self.endings: list[Ending] = []
        self._worker = worker
        self._slots = [Slot(memoryview(bytearray(Slot.SIZE * 8)).cast("q"), 0)]
        self._reports = Reports(lambda: worker.pk)
        self.metrics = Recorder()

    @property
    def slots(self) -> Sequence[Slot]:
        return self._slots

    def guard(self, number: int, run: Run) -> None:
        """Note what runs; nobody kills it."""
        self._slots[number].begin(*run.claim.fence, 0)

    def wake_to_report(self) -> None:
        """Do nothing: what the run tells is stored when it has ended."""

    def hand_back(self, done: Done, *, wants_answer: bool = False) -> None:
        if wants_answer:
            done.expect_answer()
        if done.run is not None:
            self._reports.write([], [done.run])
        recorded: Ending | None = done.ending
        if not done.is_recorded:
            endings = finish(get_engine(), self._worker.pk, self.worker_name, [done.ending])
            recorded = endings[0] if endings else None
        if recorded is not None:
            self.endings.append(recorded)
            self.metrics.count(done.claim, recorded)
        done.answer(recorded)
        if recorded is not None and telling.is_heard():
            self._tell(done, recorded)

    def _tell(self, done: Done, recorded: Ending) -> None:
        """Send taskhub's own signals; receivers that spoil the caller's transaction spoil what they wrote, no more."""
        standing = Standing()
        definition = done.run.definition if done.run is not None else None
        telling.tell_recorded(done.claim, definition, recorded, self.worker_name)
        standing.call_hooks()
        standing.settle()

    def begin_hook(self, run: Run) -> None:
        """Do nothing: there is one slot, and it is ours."""

    def end_hook(self, run: Run) -> None:
        if run.log is not None and run.log.is_pending:
            self._reports.write([], [run])


class _InlineWork(Work):
    run_class = InlineRun


class InlineWorker:
    """Use it as a context manager. It claims nothing by itself."""

    _depth: ClassVar[int] = (
        0  # of workers inside each other, in all threads: they share one Capturing
    )
    _lock: ClassVar[threading.Lock] = threading.Lock()
    _capturing: ClassVar[Capturing | None] = None

    def __enter__(self) -> Self:
        engine = get_engine()
        now = engine.now()
        self.row = Worker.objects.using(engine.alias).create(
            kind=WorkerKind.THREADS, name=f"inline@{socket.gethostname()[:100]}:{os.getpid()}", slots=1,
            host=socket.gethostname()[:255], pid=os.getpid(), version=__version__, started_at=now, heartbeat_at=now,
        )  # fmt: skip
        self._desk = _Desk(self.row)
        self._work = _InlineWork(self._desk)
        self._execution = InlineExecution(engine, self.row.pk, self.row.name)
        self._listen(1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listen(-1)
        engine = get_engine()
        with suppress(Error):  # of a transaction that is spoiled, and takes our row with it
            if kind is None:
                self._desk.metrics.flush(engine, self.row.pk)
                Worker.objects.using(engine.alias).filter(pk=self.row.pk)._raw_delete(engine.alias)
            else:  # what it held is found by the row of one that has stopped
                registration.stopped(self.row.pk)

    def run(self, claim: Claim) -> Ending | None:
        """Run a claim to its recorded end, hooks and signals included; return how it ended.

        None where it was no longer ours to end. See `error` for what the task raised.

        Raises:
            BaseException: Ctrl-C and the like.
        """
        self._show_life(claim)
        claims, before = [claim], len(self._desk.endings)
        standing = Standing()
        self._work.serve(0, self._execution, lambda: claims.pop() if claims else None)
        standing.call_hooks()  # dependents that have ended with it are announced on commit
        standing.settle()
        return self._desk.endings[-1] if len(self._desk.endings) > before else None

    @property
    def error(self) -> BaseException | None:
        """What the task raised that ran last."""
        return self._execution.error

    def _show_life(self, claim: Claim) -> None:
        """Give a sign of life that lasts as long as the task may: there is no thread to repeat it."""
        engine = get_engine()
        try:
            definition = definition_of(claim)
        except (TaskhubError, compat.InvalidTask, ValueError, TypeError):
            return  # the row is damaged: running it says so
        until = engine.now() + timedelta(seconds=definition.timeout + definition.timeout_grace)
        Worker.objects.using(engine.alias).filter(pk=self.row.pk).update(heartbeat_at=until)

    @classmethod
    def _listen(cls, change: int) -> None:
        """Catch what tasks log, as long as any inline worker works."""
        with cls._lock:
            cls._depth += change
            if cls._depth and cls._capturing is None:
                cls._capturing = Capturing()
                cls._capturing.start()
            elif not cls._depth and cls._capturing is not None:
                cls._capturing.stop()
                cls._capturing = None
