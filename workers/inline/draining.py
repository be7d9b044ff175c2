"""Draining: run what is queued, and what that brings, until nothing is left that could run."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from taskhub import errors, registry
from taskhub.engines import get_engine
from taskhub.engines.rows import Claim, Skip
from taskhub.queue import claim
from taskhub.queue.claim import Shares
from taskhub.states import TaskState
from workers.holdings import release
from workers.inline.clock import keep_up, pass_time, seconds_to_next
from workers.inline.worker import InlineWorker


def run_tasks(
    queues: Collection[str] = (),
    *,
    within: float | timedelta | None = None,
    limit: int = 1000,
    propagate: bool = False,
) -> list[int]:
    """Run queued tasks one after the other in this thread; return the ids of those that ran, in order of their starts.

    Retries, delays, rates and dependents are followed: where nothing may start, time passes until the next task is due,
    in all `within` so many seconds (None: as many as it takes, 0: none). At most `limit` attempts are made. Without
    `queues` all are worked on. `propagate` raises what a task raised that fails for good.

    Raises:
        TaskhubError: the limit is reached.
    """
    left = _seconds(within)
    source = _Source(queues)
    ran: list[int] = []
    with InlineWorker() as worker:
        keep_up()
        while True:
            while (one := source.take(worker.row.pk)) is not None:
                if len(ran) >= limit:
                    release(worker.row.pk, worker.row.name, [one.fence])
                    raise errors.TaskhubError(
                        f"{limit} attempts were made and there is still something to run, next {one.name} (task "
                        f"{one.id}). Does a task enqueue itself? Give run_tasks(within=…) or a higher limit=…."
                    )
                ran.append(one.id)
                _run(worker, one, propagate=propagate)
            if keep_up():
                continue
            token = source.seconds_to_token
            if source.is_empty() or token is not None:
                waits = [seconds for seconds in (seconds_to_next(), token) if seconds is not None]
                wait = min(waits, default=None)
                if wait is None or (left is not None and wait > left):
                    return list(dict.fromkeys(ran))
                left = None if left is None else left - wait
                pass_time(wait + 0.001)


def _run(worker: InlineWorker, one: Claim, *, propagate: bool) -> None:
    ending = worker.run(one)
    if propagate and ending is not None and ending.state == TaskState.FAILED:
        raise worker.error or errors.TaskFailed(
            ending.message, error_class=ending.error_class, traceback=ending.traceback
        )


def _seconds(within: float | timedelta | None) -> float | None:
    return within.total_seconds() if isinstance(within, timedelta) else within


class _Source:
    """Claims one task at a time, from some queues or all, of those whose code is here."""

    def __init__(self, queues: Collection[str]) -> None:
        if isinstance(queues, str):
            queues = (queues,)
        self._only = set(queues)
        self._shares = Shares(dict.fromkeys(sorted(queues), 1))
        self._unknown: set[str] = set()

    def take(self, worker_id: int) -> Claim | None:
        while claims := claim(get_engine(), worker_id, self._known(), 1, self._skip):
            if registry.find(claims[0].name):
                return claims[0]
            self._leave(claims[0], worker_id)
        return None

    def is_empty(self) -> bool:
        return not get_engine().is_claimable(self._known().queues, self._skip)

    @property
    def seconds_to_token(self) -> float | None:
        """Say when more may start of a queue that has tasks, where its rate kept `take` from taking one."""
        return self._shares.seconds_to_token

    @property
    def _skip(self) -> Skip:
        return Skip(names=sorted(self._unknown))

    def _known(self) -> Shares:
        for name in () if self._only else get_engine().queued_names():
            self._shares.add(name)
        return self._shares

    def _leave(self, strange: Claim, worker_id: int) -> None:
        """Give a task back whose code is not here, as a worker does."""
        self._unknown.add(strange.name)
        release(worker_id, "inline", [strange.fence])
