"""Interruption: Ctrl-C, a polite kill or a closed terminal ends the measuring, and never the clean-up."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_Handler = Callable[[int, FrameType | None], object]


@contextmanager
def raising() -> Iterator[None]:
    """Raise KeyboardInterrupt inside the block when a signal asks to stop."""
    with _handling(signal.default_int_handler):
        yield


@contextmanager
def holding(told: Callable[[], object]) -> Iterator[None]:
    """Only call `told` when a signal asks to stop."""
    with _handling(lambda number, frame: told()):
        yield


@contextmanager
def _handling(handler: _Handler) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)
