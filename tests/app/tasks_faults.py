"""The tasks of the fault tests: they leave traces, wait to be hit, and break what they stand on."""

import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

from django.db import DatabaseError, connection, transaction

from taskhub import TaskTimeout, compat, task
from taskhub.models import Task
from tests.app.models import Ledger


@task(takes_context=True, max_worker_losses=1000)
def sign(context, path: str, number: int, seconds: float = 0) -> int:
    """Append a line to a file, which stays whatever becomes of the process, then sleep."""
    line = f"{number} {context.attempt} {os.getpid()}\n".encode()
    file = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(file, line)
    finally:
        os.close(file)
    if seconds:
        time.sleep(seconds)
    return number


@task(takes_context=True, atomic=True, max_worker_losses=1000)
def sign_atomically(context, number: int) -> int:
    """Write a row that commits with the outcome."""
    Ledger.objects.create(task_id=0, note=str(number), attempt=context.attempt, pid=os.getpid())
    return number


@task(takes_context=True, timeout=120)
def hold(context, directory: str) -> int:
    """Leave the pid in the file `begun-ATTEMPT`, then wait for the file `go`."""
    begun = Path(directory, f"begun-{context.attempt}")
    unfinished = begun.with_suffix(f".{os.getpid()}")
    unfinished.write_text(str(os.getpid()))
    unfinished.rename(begun)
    end = time.monotonic() + 100
    while not Path(directory, "go").exists() and time.monotonic() < end:
        time.sleep(0.01)
    return context.attempt


@task(max_retries=0)
def kill_its_whole_worker() -> None:
    os.killpg(0, signal.SIGKILL)


@task(timeout=0.3, timeout_grace=0.1, max_retries=0)
def stay_until_the_deadline(seconds: float) -> None:
    """Sleep so long whatever is raised."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            time.sleep(left)
        except BaseException:
            continue


@task(timeout=0.3, timeout_grace=30, max_retries=0)
def swallow_the_first_timeout(path: str) -> None:
    """Leave only when the timeout is raised a second time."""
    try:
        time.sleep(30)
    except TaskTimeout:
        Path(path).touch()
    time.sleep(30)


@task(timeout=60, max_retries=0)
def read_a_silent_socket() -> bytes:
    mine, other = socket.socketpair()
    with mine, other:
        return mine.recv(1)


@task(max_retries=0)
def interrupt_from_the_keyboard() -> None:
    raise KeyboardInterrupt


@task(max_retries=0)
def break_what_the_next_task_stands_on(way: str) -> None:
    """Write a row, then leave the connection as no task should."""
    WAYS_TO_BREAK[way]()


@task(atomic=True, max_retries=0)
def break_atomically(way: str) -> None:
    Ledger.objects.create(task_id=0, note=f"with success: {way}")
    WAYS_TO_BREAK[way]()


def leave_atomic_open() -> None:
    transaction.atomic().__enter__()
    _write_in_vain()


def swallow_an_error_inside_atomic() -> None:
    transaction.atomic().__enter__()
    _write_in_vain()
    with suppress(DatabaseError), connection.cursor() as cursor:
        cursor.execute("SELECT nothing FROM nowhere")


def begin_behind_djangos_back() -> None:
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
    _write_in_vain()


def turn_autocommit_off() -> None:
    transaction.set_autocommit(False)
    _write_in_vain()


def close_inside_atomic() -> None:
    with transaction.atomic():
        _write_in_vain()
        connection.close()


def close_under_django() -> None:
    connection.ensure_connection()
    connection.connection.close()


def make_the_session_read_only() -> None:
    statement = {
        "sqlite": "PRAGMA query_only = ON",
        "postgresql": "SET default_transaction_read_only = on",
        "mysql": "SET SESSION TRANSACTION READ ONLY",
    }
    with connection.cursor() as cursor:
        cursor.execute(statement[connection.vendor])


WAYS_TO_BREAK = {
    way.__name__: way
    for way in (
        leave_atomic_open,
        swallow_an_error_inside_atomic,
        begin_behind_djangos_back,
        turn_autocommit_off,
        close_inside_atomic,
        close_under_django,
        make_the_session_read_only,
    )
}


def _write_in_vain() -> None:
    Ledger.objects.create(task_id=0, note="in vain")


@task
def count_running() -> int:
    """Tell how many tasks run now, this one included."""
    return Task.objects.filter(state="running").count()


@task
def chain_itself(seconds: float, times: int) -> None:
    """Keep a slot busy: enqueue the next link, then sleep."""
    if times:
        chain_itself.enqueue(seconds, times - 1)
    time.sleep(seconds)


@task(timeout=0.5, timeout_grace=0.3, max_retries=0)
def be_told_of() -> str:
    """A task whose receivers hang, where TASKHUB_TEST_HANGING names their signal and how they hang."""
    return "fine"


def hang(task_result, **kwargs) -> None:
    if task_result.task.name == be_told_of.name:
        time.sleep(60)


def hang_whatever_comes(task_result, **kwargs) -> None:
    end = time.monotonic() + 60
    while task_result.task.name == be_told_of.name and time.monotonic() < end:
        with suppress(BaseException):
            time.sleep(60)


if hanging := os.environ.get("TASKHUB_TEST_HANGING"):
    signal_name, how = hanging.split()
    getattr(compat, signal_name).connect(globals()[how], dispatch_uid="hangs")


# A signal that arrives in each child of the worker right after its fork, before anything else happens there.
if name := os.environ.get("TASKHUB_TEST_SIGNAL_AFTER_FORK"):
    os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.Signals[name]))
