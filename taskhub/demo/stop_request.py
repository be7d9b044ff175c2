"""Notice that somebody wants the program to stop: Ctrl-C, a polite kill, a closed terminal."""

import signal
from types import FrameType, TracebackType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequest:
    """Remember signals while the block runs; none is raised, so nothing stops half-way."""

    def __init__(self) -> None:
        self._interrupts = 0
        self.is_made = False

    @property
    def is_urgent(self) -> bool:
        """Tell whether Ctrl-C was pressed twice."""
        return self._interrupts > 1

    def make(self) -> None:
        """Ask for a stop from inside the program."""
        self.is_made = True

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._receive) for number in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._interrupts += number == signal.SIGINT
        self.is_made = True
