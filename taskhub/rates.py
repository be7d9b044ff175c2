"""Rates: what "100/m" means, and the token bucket that stands for it."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import NamedTuple

EXPECTED = "a rate such as '5/s', '100/m', '1000/h' or '20/d': a whole number from 1 to 1000000"
_FORM = re.compile(r"([1-9][0-9]{0,6})/([smhd])", re.ASCII)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_MOST = 1_000_000


class Rate(NamedTuple):
    """So many starts in so many seconds, evenly: a burst is never more than what one second brings, or one."""

    number: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.number / self.seconds

    @property
    def capacity(self) -> int:
        """How many tokens its bucket holds."""
        return max(1, math.ceil(self.per_second))

    @property
    def fill_seconds(self) -> float:
        """How long an empty bucket takes to become full."""
        return self.capacity / self.per_second


@lru_cache(maxsize=256)
def parse(text: str) -> Rate:
    """Read a rate.

    Raises:
        ValueError: it is none; the message says what was expected.
    """
    found = _FORM.fullmatch(text)
    if not found or int(found[1]) > _MOST:
        raise ValueError(f"{text!r}; expected {EXPECTED}.")
    return Rate(int(found[1]), _SECONDS[found[2]])


def is_rate(value: object) -> bool:
    """Tell whether this is the text of a rate."""
    try:
        return isinstance(value, str) and bool(parse(value))
    except ValueError:
        return False
