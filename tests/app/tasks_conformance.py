"""The tasks of the conformance tests: defined with Django's own `@task` and with ours."""

import os
import time
from importlib import import_module
from pathlib import Path

from django.db import connection

from taskhub import RetryTask, Snooze, compat, task
from tests.app.models import Ledger

# `django.tasks` or its backport: what a site imports.
django_tasks = import_module(compat.BaseTaskBackend.__module__.partition(".backends")[0])


class Outer:
    class Nested(Exception):
        """An exception inside a class, as each model has them."""


@django_tasks.task
def meaning_of_life() -> int:
    return 42


@django_tasks.task(
    priority=7, queue_name="djangos", max_retries=2, retry_delay=0.01, retry_jitter=0
)
def django_task_with_our_options() -> None:
    raise ConnectionError("down")


@django_tasks.task(takes_context=True)
def django_task_with_context(context, text: str) -> list[object]:
    return [context.attempt, context.task_result.id, text]


@django_tasks.task
async def django_coroutine(text: str) -> str:
    return text.upper()


@task
def echo(*args: object, **kwargs: object) -> list[object]:
    return [list(args), kwargs]


@task
async def echo_async(value: object) -> object:
    return value


@task
def double_dictionary(key: object) -> dict[object, object]:
    return {key: [key, key]}


@task(name="conformance.named", priority=3, queue_name="named", tags=["a"])
def named() -> str:
    return "named"


@task
def write_down(text: str) -> None:
    Ledger.objects.create(task_id=0, note=text)


@task(takes_context=True, max_retries=2, retry_delay=0.01, retry_jitter=0)
def describe_the_context(context, succeed_on: int) -> dict[str, object]:
    result = context.task_result
    if context.attempt < succeed_on:
        raise ValueError(f"attempt {context.attempt}")
    return {
        "attempt": context.attempt,
        "id": result.id,
        "status": str(result.status),
        "attempts": result.attempts,
        "workers": len(result.worker_ids),
        "args": result.args,
        "errors": [error.message for error in result.errors],
        "remaining": 0 < context.remaining <= 300,
        "deadline": context.deadline.isoformat(),
        "is_cancelled": context.is_cancelled,
    }


@task(takes_context=True)
def try_to_change_the_context(context) -> list[str]:
    refused = []
    for name in ("attempt", "task_result", "anything"):
        try:
            setattr(context, name, 1)
        except AttributeError:
            refused.append(name)
    return refused


@task(takes_context=True)
def report_badly(context, fraction: float) -> str:
    try:
        context.update_progress(fraction)
    except ValueError as error:
        return str(error)
    return "accepted"


@task(takes_context=True)
def report_long(context, length: int) -> None:
    context.update_progress(0.5, "x" * length)


@task(timeout=60)
def wait_for_file(path: str, seconds: float = 30.0) -> str:
    """Run until somebody creates `path`."""
    end = time.monotonic() + seconds
    while not Path(path).exists() and time.monotonic() < end:
        time.sleep(0.01)
    return "found" if Path(path).exists() else "not found"


@task(max_retries=0)
def raise_nested() -> None:
    raise Outer.Nested("inside")


@task(max_retries=0)
def raise_does_not_exist() -> None:
    Ledger.objects.get(note="there is none")


@task(max_retries=0)
def raise_a_class_that_nobody_imported(directory: str) -> None:
    """Raise an exception of a module that the worker alone has."""
    namespace: dict[str, type[Exception]] = {}
    exec("class Strange(Exception): __module__ = 'only_in_the_worker'", namespace)
    raise namespace["Strange"](directory)


@task(max_retries=1)
def return_what_json_lacks() -> set[int]:
    return {1}


@task(max_retries=0)
def return_too_much(size: int) -> str:
    return "x" * size


@task(takes_context=True, max_retries=0)
def choose_an_impossible_delay(context, kind: str, seconds: float) -> None:
    raise {"snooze": Snooze, "retry": RetryTask}[kind](delay=seconds)


@task(max_retries=0)
def break_the_connection() -> None:
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT nothing FROM nowhere")


def write_signal(signal_name: str):
    """Make a receiver that writes down what a signal of django.tasks said, and where."""

    def receive(sender, task_result, **kwargs) -> None:
        line = [
            signal_name,
            sender.__name__,
            str(task_result.status),
            str(task_result.attempts),
            "worker" if "runworker" in Path("/proc/self/cmdline").read_text() else "elsewhere",
        ]
        Ledger.objects.create(task_id=int(task_result.id), note=" ".join(line))

    return receive


def raise_in_receiver(**kwargs) -> None:
    raise RuntimeError("a receiver of the site's failed")


# Receivers make a worker load results: only where a test asks for them.
if os.environ.get("TASKHUB_TEST_SIGNALS"):
    for signal in ("task_started", "task_finished"):
        getattr(compat, signal).connect(raise_in_receiver, weak=False, dispatch_uid="raises")
        getattr(compat, signal).connect(write_signal(signal), weak=False, dispatch_uid=signal)
