"""How long to wait before the next attempt: exponential backoff with jitter."""

import random
from collections.abc import Callable


def backoff(
    failures: int,
    *,
    delay: float,
    factor: float,
    max_delay: float,
    jitter: float,
    uniform: Callable[[float, float], float] = random.uniform,
) -> float:
    """Return the seconds to wait after the `failures`-th failed attempt (1 for the first).

    `delay × factor^(failures − 1)`, at most `max_delay`, then spread by ± `jitter` of itself, so that tasks that
    failed together do not come back together. The result never exceeds `max_delay`.
    """
    if not delay:
        return 0.0
    try:
        base = min(max_delay, delay * factor ** max(0, failures - 1))
    except OverflowError:
        base = max_delay
    return max(0.0, min(max_delay, base * (1 + uniform(-jitter, jitter))))
