"""The tasks that are measured. No `tasks` module of an app: only the benchmark and its own worker know them."""

import asyncio
import time

from taskhub import task
from taskhub.backend import backend_alias
from taskhub.bench.admission import DRAINED, PICKED_UP

_BACKEND = backend_alias()


@task(queue_name=DRAINED, backend=_BACKEND, max_retries=0)
def noop() -> None:
    """Do nothing."""


@task(queue_name=DRAINED, backend=_BACKEND, max_retries=0, pool="thread")
def sleep(seconds: float) -> None:
    """Wait as a blocking call does."""
    time.sleep(seconds)


@task(queue_name=DRAINED, backend=_BACKEND, max_retries=0)
async def pause(seconds: float) -> None:
    """Wait as a coroutine does."""
    await asyncio.sleep(seconds)


@task(queue_name=PICKED_UP, backend=_BACKEND, max_retries=0)
def note_start() -> float:
    """Return when it started, in seconds since the epoch."""
    return time.time()
