"""Tasks for the pools: they meet, they say where they run, and they stay too long."""

import asyncio
import ctypes
import os
import threading
import time
from contextlib import suppress
from contextvars import ContextVar
from itertools import repeat

from asgiref.sync import sync_to_async
from django.db import transaction

from taskhub import task
from tests.app.models import Ledger
from tests.app.tasks_faults import WAYS_TO_BREAK

_kept: list[bytes] = []


def _meet(directory: str, number: int, count: int) -> int:
    """Leave a mark; return how many marks there are once `count` have come, or after 20 s."""
    open(os.path.join(directory, str(number)), "w").close()
    return len(os.listdir(directory))


@task
def meet(directory: str, number: int, count: int) -> int:
    """Wait in this thread until `count` tasks run at the same time."""
    until = time.monotonic() + 20
    while _meet(directory, number, count) < count and time.monotonic() < until:
        time.sleep(0.01)
    return len(os.listdir(directory))


@task
async def meet_async(directory: str, number: int, count: int) -> int:
    """Await until `count` tasks run at the same time."""
    until = time.monotonic() + 20
    while _meet(directory, number, count) < count and time.monotonic() < until:
        await asyncio.sleep(0.01)
    return len(os.listdir(directory))


@task
def where() -> str:
    """Tell in what kind of child and thread this runs."""
    return threading.current_thread().name


@task
async def where_async() -> str:
    return threading.current_thread().name


@task
async def write_async(text: str) -> int:
    return (await Ledger.objects.acreate(task_id=0, note=text)).pk


@task(max_retries=0, timeout=0.3, timeout_grace=0.2)
def block_for_good(path: str) -> None:
    """Stay in one blocking call, which nothing but a kill ends in a thread."""
    open(path, "w").close()
    time.sleep(60)


@task(max_retries=0, timeout=0.3, timeout_grace=0.2)
async def block_the_loop() -> None:
    time.sleep(60)  # that is the fault


@task(takes_context=True, timeout=60)
def wait_for(context, begun: str, path: str) -> int:
    """Wait until `path` exists; returns the attempt."""
    open(begun, "a").close()
    until = time.monotonic() + 30
    while not os.path.exists(path) and time.monotonic() < until:
        time.sleep(0.01)
    return context.attempt


@task(max_retries=0)
async def exit_in_a_part() -> None:
    async def part() -> None:
        raise SystemExit(3)

    await asyncio.gather(part(), asyncio.sleep(1))


@task
def pid() -> int:
    return os.getpid()


@task
def grow(megabytes: int) -> int:
    """Take memory and keep it."""
    _kept.append(os.urandom(1024) * (megabytes * 1024))
    return os.getpid()


@task(timeout=60)
def hold_the_interpreter(seconds: float, path: str) -> None:
    """Sleep in a C call that keeps the GIL, so that no other thread of the process runs."""
    open(path, "w").close()
    ctypes.PyDLL(None).usleep(int(seconds * 1e6))


@task(timeout=0.3, timeout_grace=0.4, max_retries=0)
def compute_in_one_call() -> int:
    """Keep the GIL for minutes in a call that no signal interrupts."""
    return sum(repeat(1, 10**11))


@task(timeout=60)
def stay(seconds: float, path: str) -> None:
    """Sleep in a call that lets other threads run."""
    open(path, "w").close()
    time.sleep(seconds)


@task(max_retries=0)
async def leave_a_transaction_open(way: str, begun: str = "", path: str = "") -> None:
    """Open one as no coroutine should, write into it twice, and go while it is open; wait for `path` before that."""
    await sync_to_async(WAYS_TO_BREAK[way])()
    await Ledger.objects.acreate(task_id=0, note="in vain")
    if path:
        open(begun, "a").close()
        until = time.monotonic() + 30
        while not os.path.exists(path) and time.monotonic() < until:
            await asyncio.sleep(0.01)


@task(max_retries=0)
async def hold_a_transaction(note: str) -> int:
    """Begin, write and commit in calls of their own, with others' queries in between."""
    block = transaction.atomic()
    await sync_to_async(block.__enter__)()
    for number in range(5):
        await Ledger.objects.acreate(task_id=number, note=note)
        await asyncio.sleep(0.05)
    await sync_to_async(block.__exit__)(None, None, None)
    return await Ledger.objects.filter(note=note).acount()


_parts: set[asyncio.Task] = set()
_word: ContextVar[str] = ContextVar("word", default="nothing")


@task(max_retries=0, timeout=1, timeout_grace=20)
async def leave_a_part_behind(path: str, stays: float = 0) -> str:
    """Start a coroutine that writes lines until it is cancelled, and for `stays` seconds after that."""

    async def write() -> None:
        try:
            while True:
                with open(path, "a") as file:
                    file.write("line\n")
                await asyncio.sleep(0.01)
        finally:
            until = time.monotonic() + stays
            while time.monotonic() < until:
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.05)
            with open(path, "a") as file:
                file.write("left\n")

    _parts.add(asyncio.create_task(write()))
    await asyncio.sleep(0.1)
    return "done"


@task
async def say_after_another(word: str) -> str:
    """Return what an earlier task has left in the context, and leave a word there."""
    before = _word.get()
    _word.set(word)
    return before
