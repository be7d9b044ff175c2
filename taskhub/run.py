"""Run: one execution of a claim, as the threads that run it and the one that talks to the database share it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from taskhub import compat
from taskhub.definition import TaskDefinition
from taskhub.engines import Engine, get_engine
from taskhub.engines.rows import Claim
from taskhub.errands import Errand, in_a_thread
from taskhub.errors import StaleClaim
from taskhub.logs import Capture

YOUNG = (
    0.2  # seconds in which the control thread looks by itself, so that short tasks need not wake it
)
_PATIENCE = 2.0  # seconds that a task inside a transaction waits: the control thread may be waiting for its locks
_first_line = threading.Lock()


def _nobody() -> None:
    """Wake nobody: whoever serves this run looks by itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Saving:
    """A checkpoint as JSON text, on its way to the database."""

    text: str


@dataclass(slots=True, eq=False)
class Run:
    """The task's side sets what is wanted, and calls `wake` when that is news; the control thread stores it.

    What is stored is compared by identity and never cleared, so nothing is lost between two threads. The fields that
    the control thread alone writes (see `workers.reports`) stand at the end.
    """

    claim: Claim
    definition: TaskDefinition
    load_result: Callable[[Claim], compat.TaskResult[Any, Any]]
    wake: Callable[[], None] = _nobody
    started_at: datetime = field(default_factory=timezone.now)
    started: float = field(default_factory=time.monotonic)
    is_cancelled: bool = False
    error: BaseException | None = (
        None  # what the task raised, until all who want to know have been told
    )
    first: list[Any] = field(default_factory=list)  # arguments that come from tasks before it
    upstream: dict[str, Any] = field(default_factory=dict)  # values of these by name

    steps: dict[str, str] | None = None  # what steps gave, as JSON text; None: nobody has asked yet

    progress: tuple[float, str] | None = None
    log: Capture | None = None
    checkpoint: Saving | None = None
    savers: deque[Errand] = field(default_factory=deque)  # who waits until the checkpoint is stored
    errands: deque[Errand] = field(default_factory=deque)

    is_over: bool = False
    is_stale: bool = False  # another claim has taken the task over
    stored_progress: tuple[float, str] | None = None
    stored_checkpoint: Saving | None = None
    progress_at: float = 0.0
    log_at: float = 0.0

    @property
    def deadline(self) -> float:
        """When its timeout is over, on the monotonic clock."""
        return self.started + self.definition.timeout

    def report(self, fraction: float, message: str) -> None:
        """Note how far the task is."""
        before, self.progress = self.progress, (fraction, message)
        if before is self.stored_progress:
            self._wake_if_old()

    def add_line(
        self, level: int, message: str, logger: str = "", at: datetime | None = None
    ) -> None:
        """Add a line to the attempt's log; any thread may."""
        if self.log is None:
            with _first_line:
                if self.log is None:  # another thread's first line has come first
                    self.log = Capture()
        if self.log.add(at or timezone.now(), level, logger, message):
            self._wake_if_old()

    def _wake_if_old(self) -> None:
        if time.monotonic() - self.started > YOUNG:
            self.wake()

    def save(self, text: str) -> None:
        """Have a checkpoint stored, and wait until it is.

        Inside a transaction of the queue's database the wait is bounded, for the control thread may need its locks; on
        SQLite, where it surely does, it comes when that transaction commits.

        Raises:
            StaleClaim: another claim has taken the task over. InvalidCheckpoint: the database refused it.
        """
        self.checkpoint = Saving(text)
        engine = get_engine()
        if not self._is_in_transaction(engine):
            self._wait_until_saved()
        elif not engine.has_one_writer:
            self._wait_until_saved(_PATIENCE)
        elif engine.connection.in_atomic_block and not self.definition.atomic:
            transaction.on_commit(self._wait_until_saved, using=engine.alias)

    def _wait_until_saved(self, seconds: float | None = None) -> None:
        saver = Errand()
        self.savers.append(saver)
        self.wake()
        try:
            is_held = saver.wait(self._is_over, seconds)
        except TimeoutError:
            is_held = not self.is_over
        if not is_held:
            raise StaleClaim(f"Task {self.claim.id}: {StaleClaim.__doc__}")

    def ask(self, act: Callable[[Engine], Any]) -> Any:
        """Return `act(engine)`, done on another connection than the task's; also from a coroutine.

        Raises:
            StaleClaim: the run is over.
        """
        if self._is_in_transaction(get_engine()):
            return in_a_thread(act)
        errand = Errand(act)
        self.errands.append(errand)
        self.wake()
        try:
            return errand.wait(self._is_over)
        except TimeoutError:
            raise StaleClaim(f"Task {self.claim.id}: this attempt is over.") from None

    def _is_over(self) -> bool:
        return self.is_over

    def _is_in_transaction(self, engine: Engine) -> bool:
        """Tell whether the caller may hold locks; a coroutine does not see the transaction of its `atomic` task."""
        return self.definition.atomic or engine.is_in_transaction()


current_run: ContextVar[Run | None] = ContextVar("taskhub_current_run", default=None)
