"""Execution: runs one claim in the main thread and says how it ended."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from functools import lru_cache
from inspect import iscoroutinefunction
from typing import Any

from django.db import close_old_connections, connections, transaction
from django.utils import timezone

from taskhub import registry
from taskhub.context import Run, TaskContext
from taskhub.definition import TaskDefinition
from taskhub.engines import Engine
from taskhub.engines.rows import Claim, Ending
from taskhub.errors import StaleClaim, TaskAborted, TaskTimeout
from taskhub.models.result import Outcome
from taskhub.payload import load_args
from taskhub.queue.verdict import Attempt, raised, returned
from workers.alarm import Alarm

logger = logging.getLogger("taskhub.worker")


class Execution:
    """Runs claims one after the other. Nothing that user code raises leaves it."""

    def __init__(self, alarm: Alarm, engine: Engine, worker_id: int, worker_name: str) -> None:
        self._alarm, self._engine = alarm, engine
        self._worker_id, self._worker_name = worker_id, worker_name
        self._loop: asyncio.Runner | None = None

    def run(self, run: Run) -> tuple[Ending, bool]:
        """Run a claim to its end; return how it ended and whether that is recorded already (tasks with `atomic`)."""
        record = self._record_in_transaction if run.definition.atomic else None
        try:
            ending = self._call(run, record)
            return ending, record is not None and ending.outcome == Outcome.SUCCEEDED
        except StaleClaim as stale:
            logger.warning(
                "Task %s: %s Its effects on the database were rolled back.", run.claim.id, stale
            )
            return raised(self._attempt(run), stale), True
        finally:
            self._clean_up()

    def _call(self, run: Run, record: Callable[[Ending], None] | None) -> Ending:
        try:
            try:
                function, args, kwargs = self._prepare(run)
                if record is None:
                    value = self._guarded(run, function, args, kwargs)
                    self._alarm.disarm()
                    return returned(self._attempt(run), value)
                with transaction.atomic(self._engine.alias):
                    value = self._guarded(run, function, args, kwargs)
                    self._alarm.disarm()
                    ending = returned(self._attempt(run), value)
                    if ending.outcome == Outcome.SUCCEEDED:
                        record(ending)
                    else:
                        transaction.set_rollback(True, self._engine.alias)
                    return ending
            finally:
                self._alarm.disarm()
        except StaleClaim:
            raise
        except BaseException as error:  # noqa: BLE001  # the boundary around user code: also sys.exit()
            self._alarm.disarm()
            if isinstance(error, TaskTimeout | TaskAborted):
                self._forget_connections()
            return raised(self._attempt(run), error)

    def _prepare(self, run: Run) -> tuple[Callable[..., Any], list[Any], dict[str, Any]]:
        args, kwargs = load_args(run.claim.args, run.claim.kwargs)
        if run.definition.takes_context:
            args = [TaskContext(run), *args]
        return run.definition.func, args, kwargs

    def _guarded(
        self, run: Run, function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> Any:
        self._alarm.arm(run)
        if not iscoroutinefunction(function):
            return function(*args, **kwargs)
        if self._loop is None:
            self._loop = asyncio.Runner()
        try:
            return self._loop.run(function(*args, **kwargs))
        except (TaskTimeout, TaskAborted):
            # The shot left the loop, not the coroutine: closing the loop cancels it and runs its `finally` blocks.
            self._alarm.disarm()
            self._loop.close()
            self._loop = None
            raise

    def _record_in_transaction(self, ending: Ending) -> None:
        if not self._engine.finish(self._worker_id, self._worker_name, [ending]):
            raise StaleClaim

    def _attempt(self, run: Run) -> Attempt:
        return Attempt(run.claim, run.definition, run.started_at, timezone.now())

    def _clean_up(self) -> None:
        """What Django does after a request; and a connection left inside a transaction is not used again."""
        for connection in connections.all(initialized_only=True):
            if connection.in_atomic_block or connection.needs_rollback:
                self._forget_connections()
                break
        close_old_connections()

    def _forget_connections(self) -> None:
        for connection in connections.all(initialized_only=True):
            alias = connection.alias
            connection.in_atomic_block = False
            connection.close()
            del connections[alias]


@lru_cache(maxsize=1000)
def _changed(name: str, options: str) -> TaskDefinition:
    return registry.get(name).using(**json.loads(options))


def definition_of(claim: Claim) -> TaskDefinition | None:
    """Return the definition of a claim with the options that it was enqueued with; None where its code is not here."""
    known = registry.find(claim.name)
    if known is None or not claim.options:
        return known
    return _changed(
        claim.name, claim.options if isinstance(claim.options, str) else str(claim.options)
    )
