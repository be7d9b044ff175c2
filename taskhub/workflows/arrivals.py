"""Arrivals: the results of a group as its tasks end; for `for` and for `async for`."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Self

from asgiref.sync import sync_to_async

from taskhub import errors
from taskhub.engines import get_engine
from taskhub.engines.news import get_news
from taskhub.results.waiting import refuse_inside_task
from taskhub.states import FINISHED, TaskState

if TYPE_CHECKING:
    from taskhub.results import AsyncResult

_POLL = 1.0  # seconds; news come sooner


class Arrivals:
    """Gives each result once, those that have ended first; the time runs from the first that is asked for."""

    def __init__(
        self,
        results: Iterable[AsyncResult],
        read_states: Callable[[], Mapping[str, TaskState]],
        timeout: float | None,
        *,
        allow_sync: bool,
    ) -> None:
        self._left = {result.id: result for result in results}
        self._total = len(self._left)
        self._read_states, self._timeout, self._allow_sync = read_states, timeout, allow_sync
        self._deadline: float | None = None
        self._arrived: deque[AsyncResult] = deque()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> AsyncResult:
        if not self._arrived:
            if not self._left:
                raise StopIteration
            self._wait_for_some()
        return self._arrived.popleft()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AsyncResult:
        if not self._arrived:
            if not self._left:
                raise StopAsyncIteration
            await sync_to_async(self._refuse_inside_transaction)()
            self._take_known()
        if not self._arrived:
            wait = sync_to_async(self._wait_elsewhere, thread_sensitive=False)
            await wait()
        return self._arrived.popleft()

    def _take_known(self) -> None:
        """Take those that are known to have ended: no other thread can read what ran in the caller's transaction."""
        known = [id_ for id_, result in self._left.items() if result.is_ready]
        self._arrived += [self._left.pop(id_) for id_ in known]

    def _wait_elsewhere(self) -> None:
        """Wait in a thread of asyncio's, which would keep a database connection of its own for ever."""
        try:
            self._wait_for_some()
        finally:
            get_engine().connection.close()

    def _refuse_inside_transaction(self) -> None:
        for result in self._left.values():
            result.refuse_inside_transaction()

    def _wait_for_some(self) -> None:
        """Let those arrive that have ended since the last time; blocks until there is one.

        Raises:
            ResultTimeout, InsideTransaction, WaitInsideTask. TaskResultDoesNotExist: one has been deleted or rolled
                back. It is given up by that; the others can still be asked for.
        """
        if self._deadline is None:
            self._refuse_inside_transaction()
            self._deadline = (
                float("inf") if self._timeout is None else time.monotonic() + self._timeout
            )
        news = get_news(get_engine().alias)
        while True:
            seen = news.count()
            states = self._read_states()
            ended = [id_ for id_ in self._left if states.get(id_) in FINISHED]
            # Those that are gone come last, one at a time: to read one raises, and that must hide no other.
            if ended := ended or [id_ for id_ in self._left if id_ not in states][:1]:
                for id_ in ended:
                    self._arrive(id_, is_gone=id_ not in states)
                return
            pause = min(_POLL, self._deadline - time.monotonic())
            if pause <= 0:
                raise errors.ResultTimeout(
                    f"{len(self._left)} of {self._total} tasks have not ended after {self._timeout:g} s."
                )
            refuse_inside_task(*self._left, allow_sync=self._allow_sync)
            news.wait(seen, pause)

    def _arrive(self, result_id: str, *, is_gone: bool) -> None:
        result = self._left.pop(result_id)
        if not (is_gone and result.is_ready):  # what is known of one that has ended stays known
            result.refresh()
        self._arrived.append(result)
