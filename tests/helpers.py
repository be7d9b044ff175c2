"""Small things that tests share: waiting without sleeping, and more than one session at once."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

T = TypeVar("T")


class GiveUp(AssertionError):
    """Raised inside `eventually` when what it waits for cannot come true any more."""


def eventually(fn: Callable[[], T], timeout: float = 10.0, interval: float = 0.02) -> T:
    """Call `fn` until what it returns is true, and return that.

    `fn` may raise while it is not yet true, so a block of `assert`s that returns True will do.

    Raises:
        AssertionError: it was not true within `timeout` seconds; says what `fn` gave last.
    """
    deadline = time.monotonic() + timeout
    while True:
        error: Exception | None = None
        value: T | None = None
        try:
            value = fn()
        except GiveUp:
            raise
        except Exception as raised:
            error = raised
        if error is None and value:
            return value
        if time.monotonic() >= deadline:
            last = f"it raised {error!r}" if error else f"it returned {value!r}"
            raise AssertionError(f"not true after {timeout:g} s: at last {last}") from error
        time.sleep(interval)


def in_thread(fn: Callable[..., T], *args: object, **kwargs: object) -> Future[T]:
    """Run `fn` in a thread of its own, hence on a database session of its own.

    The session is closed when `fn` ends. `.result(timeout)` gives what it returned or raised.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        finally:
            connections.close_all()

    threading.Thread(target=run, daemon=True, name=f"in_thread:{fn.__name__}").start()
    return future


@contextmanager
def acting_as(connection: BaseDatabaseWrapper) -> Iterator[BaseDatabaseWrapper]:
    """Let all that Django does in this block, in this thread, go through `connection`.

    Two sessions can so be interleaved step by step, each in a transaction of its own, with no
    thread and no luck involved.
    """
    alias = connection.alias
    usual = connections[alias]
    connections[alias] = connection
    try:
        yield connection
    finally:
        connections[alias] = usual
