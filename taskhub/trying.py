"""Trying a short transaction again after a deadlock, a serialization failure or a lock that was held too long."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db.utils import Error

from taskhub.engines import Engine

T = TypeVar("T")
_ATTEMPTS = 8


def trying_again(write: Callable[[], T], engine: Engine) -> T:
    """Return `write()`; inside the caller's transaction it runs once, for only the caller can repeat that."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return write()
        except Error as error:
            if (
                attempt == _ATTEMPTS
                or engine.connection.in_atomic_block
                or not engine.is_conflict(error)
            ):
                raise
            time.sleep(random.uniform(0, 0.005 * 2**attempt))
    raise AssertionError("unreachable")
