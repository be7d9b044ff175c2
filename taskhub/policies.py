"""Policies: what a schedule does with times that were missed, and with runs that would overlap."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from taskhub.errors import ScheduleError

MOST_AT_ONCE = 1000  # runs that one look at a schedule makes up for


class Misfire(StrEnum):
    """What becomes of due times that nobody was there to keep."""

    SKIP = "skip"
    RUN_ONCE = "run_once"
    CATCH_UP = "catch_up"


class Overlap(StrEnum):
    """What becomes of a due time while the task of an earlier one has not ended."""

    ALLOW = "allow"
    SKIP = "skip"
    QUEUE_ONE = "queue_one"  # one waits until the other has ended; more are skipped
    CANCEL_PREVIOUS = "cancel_previous"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """A due time that is more than `grace` seconds late has been missed. `jitter` seconds spread the starts.

    `catch_up_limit`: so many of the newest missed times are made up for by `catch_up`, and the others left out.
    """

    misfire: Misfire = Misfire.RUN_ONCE
    overlap: Overlap = Overlap.ALLOW
    grace: int = 60
    jitter: int = 0
    catch_up_limit: int = 100

    def check(self, every: int | None = None) -> None:
        """Refuse what is no policy; `every`: the seconds from one time to the next, where they are always the same.

        Raises:
            ScheduleError: names the value and what was expected.
        """
        for name, kind in (("misfire", Misfire), ("overlap", Overlap)):
            if getattr(self, name) not in list(kind):
                expected = ", ".join(map(repr, map(str, kind)))
                raise ScheduleError(
                    f"{name}={getattr(self, name)!r}: expected one of {expected}.", field=name
                )
        for name, low, high in _RANGES:
            value: Any = getattr(self, name)
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            if not is_whole or not low <= value <= high:
                raise ScheduleError(
                    f"{name}={value!r}: expected a whole number, {low} to {high}.", field=name
                )
        if self.overlap == Overlap.CANCEL_PREVIOUS and every is not None and self.jitter >= every:
            raise ScheduleError(
                f"jitter={self.jitter}: expected less than every={every}. With overlap='cancel_previous' most tasks "
                "would be cancelled by the next before they start.",
                field="jitter",
            )


_RANGES = (("grace", 1, 86_400), ("jitter", 0, 86_400), ("catch_up_limit", 1, MOST_AT_ONCE))
