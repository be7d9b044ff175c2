"""Errands: what the control thread does for a running task on its own connection, while the task waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from taskhub.engines import Engine, get_engine

_SLICE = (
    1.0  # seconds: an exception that another thread raises in this one arrives between two waits
)


class Errand:
    """One errand and its answer. Without `act` it is done when somebody says so.

    A SimpleQueue, and not an Event: an exception raised in the waiting thread at any place leaves no lock taken.
    """

    def __init__(self, act: Callable[[Engine], Any] | None = None) -> None:
        self.act = act
        self._answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

    def answer(self, value: Any = None) -> None:
        self._answers.put((value, None))

    def fail(self, error: BaseException) -> None:
        self._answers.put((None, error))

    def wait(self, is_given_up: Callable[[], bool], seconds: float | None = None) -> Any:
        """Return the answer, or raise what it failed with.

        Raises:
            TimeoutError: there was none within `seconds`, or nobody will give one any more.
        """
        left = seconds
        while True:
            is_last = is_given_up()
            try:
                value, error = self._answers.get(
                    timeout=_SLICE if left is None else min(left, _SLICE)
                )
            except Empty:
                left = None if left is None else left - _SLICE
                if is_last or (left is not None and left <= 0):
                    raise TimeoutError from None
                continue
            if error is not None:
                raise error
            return value


def in_a_thread(act: Callable[[Engine], Any]) -> Any:
    """Return `act(engine)`, done on a connection of its own: also where the caller's is in use or forbidden."""
    errand = Errand()

    def run() -> None:
        engine = get_engine()
        try:
            errand.answer(act(engine))
        except BaseException as error:  # noqa: BLE001  # it is raised in the waiting thread
            errand.fail(error)
        finally:
            engine.connection.close()

    threading.Thread(target=run, name="taskhub-errand", daemon=True).start()
    return errand.wait(lambda: False)
