"""The tasks that tests enqueue; each is here because a test names it."""

import asyncio
import os
import signal
import sys
import time

from taskhub import Cancel, RetryTask, Snooze, task
from tests.app.models import Ledger


@task
def add(a: int, b: int = 0) -> int:
    return a + b


@task
async def add_slowly(a: int, b: int) -> int:
    await asyncio.sleep(0.01)
    return a + b


@task(max_retries=0)
def fail(message: str = "it broke") -> None:
    raise ValueError(message)


@task(takes_context=True, max_retries=5, retry_delay=0.05, retry_jitter=0)
def succeed_on_attempt(context, number: int) -> int:
    if context.attempt < number:
        raise ConnectionError(f"attempt {context.attempt} is not {number}")
    return context.attempt


@task(max_retries=5, retry_delay=0.01, no_retry_on=[KeyError])
def fail_for_good() -> None:
    raise KeyError("no retry helps")


@task(takes_context=True)
def ask_for_retry(context) -> str:
    if context.attempt == 1:
        raise RetryTask("not yet", delay=0.05)
    return "now"


@task(takes_context=True)
def snooze_once(context, path: str) -> int:
    if not os.path.exists(path):
        with open(path, "w"):
            raise Snooze(0.05)
    return context.attempt


@task
def cancel_itself() -> None:
    raise Cancel("nothing to do")


@task
def note(text: str) -> None:
    Ledger.objects.create(task_id=0, note=text)


@task(takes_context=True, timeout=60)
def nap(context, seconds: float, path: str = "") -> str:
    """Sleep in one blocking call; `path` is touched when it has begun."""
    _touch(path)
    time.sleep(seconds)
    return "slept"


@task(timeout=60)
async def nap_async(seconds: float, path: str = "") -> str:
    """Await; writes `path`.left on the way out, whatever ends it."""
    _touch(path)
    try:
        await asyncio.sleep(seconds)
    finally:
        _touch(path and f"{path}.left")
    return "slept"


@task(timeout=60)
def spin(seconds: float) -> int:
    """Burn CPU in pure Python."""
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        count += 1
    return count


@task(timeout=0.3, timeout_grace=0.4, max_retries=0)
def stay_whatever_comes() -> None:
    """Swallow every exception that is raised in it, for half a minute."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            time.sleep(30)
        except BaseException:
            continue


@task(timeout=60, timeout_grace=0.4)
def stay_although_cancelled(path: str) -> None:
    """Swallow every exception that is raised in it, for half a minute."""
    _touch(path)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            time.sleep(30)
        except BaseException:
            continue


@task(takes_context=True, timeout=60)
def wait_to_be_cancelled(context, path: str) -> None:
    _touch(path)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        context.raise_if_cancelled()
        time.sleep(0.02)


@task(takes_context=True, timeout=60)
def report_progress(context, path: str) -> None:
    context.update_progress(0.25, "a quarter")
    end = time.monotonic() + 30
    while not os.path.exists(path) and time.monotonic() < end:
        time.sleep(0.02)
    context.update_progress(1, "all of it")


@task(max_retries=0)
def leave_the_process() -> None:
    sys.exit(3)


@task(max_retries=0)
def kill_its_process(path: str, times: int) -> str:
    """Kill the process that runs it, `times` times."""
    with open(path, "a") as file:
        file.write("x")
    if os.path.getsize(path) <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


@task(max_retries=0, on_worker_loss="fail")
def kill_its_process_once_and_for_all() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@task(atomic=True, max_retries=0)
def note_atomically(text: str, should_fail: bool = False) -> None:
    Ledger.objects.create(task_id=0, note=text)
    if should_fail:
        raise ValueError("after the write")


@task
def unstorable_result() -> object:
    return object()


@task(max_retries=0)
def unprintable_error() -> None:
    raise ValueError("a NUL \x00 and half a pair \ud800")


def _touch(path: str) -> None:
    if path:
        with open(path, "w"):
            pass


from tests.app import (  # noqa: E402
    tasks_context,  # noqa: F401
    tasks_flow,  # noqa: F401
    tasks_kit,  # noqa: F401
    tasks_limits,  # noqa: F401
    tasks_pools,  # noqa: F401
    tasks_schedules,  # noqa: F401
)
from tests.app.tasks_conformance import *  # noqa: E402, F403
from tests.app.tasks_faults import *  # noqa: E402, F403
