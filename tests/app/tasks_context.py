"""The tasks of the tests of what a running task sees and tells, and of its hooks."""

import asyncio
import logging
import os
import signal
import threading
import time

from django.db import transaction

from taskhub import RetryTask, task
from tests.app.models import Ledger

logger = logging.getLogger("shop.orders")
closed_logger = logging.getLogger("shop.closed")
closed_logger.propagate = False
strict_logger = logging.getLogger("shop.strict")
strict_logger.setLevel(logging.WARNING)


# -- checkpoints ----------------------------------------------------------------------------------


@task(takes_context=True, max_retries=5, retry_delay=0.01)
def go_on_after_failures(context, failures: int) -> list[int]:
    done = context.load_checkpoint(0)
    if done < failures:
        context.save_checkpoint(done + 1)
        raise ConnectionError(f"after step {done + 1}")
    return [done, context.attempt]


@task(takes_context=True, max_retries=0)
def go_on_after_kills(context, kills: int) -> list[int]:
    """Kill its process right after each save."""
    done = context.load_checkpoint(0)
    if done < kills:
        context.save_checkpoint(done + 1)
        os.kill(os.getpid(), signal.SIGKILL)
    return [done, context.attempt]


@task(takes_context=True, max_retries=0)
async def go_on_after_kills_async(context, kills: int) -> list[int]:
    done = await context.aload_checkpoint(0)
    if done < kills:
        await context.asave_checkpoint(done + 1)
        os.kill(os.getpid(), signal.SIGKILL)
    return [done, context.load_checkpoint(0)]


@task(takes_context=True, max_retries=0)
def fail_until_a_person_retries(context) -> object:
    saved = context.load_checkpoint()
    if saved is None:
        context.save_checkpoint({"row": 7})
        raise ValueError("half way")
    return saved


@task(takes_context=True, timeout=60)
def save_until(context, path: str) -> int:
    """Save again and again until `path` exists."""
    end, number = time.monotonic() + 50, 0
    while not os.path.exists(path) and time.monotonic() < end:
        number += 1
        context.save_checkpoint([context.attempt, number])
        time.sleep(0.02)
    return context.attempt


# -- progress and logs ----------------------------------------------------------------------------


@task(takes_context=True, timeout=60)
def tell_inside_a_transaction(context, path: str, seconds: float = 30) -> str:
    """Hold a transaction with a write of its own open until `path` exists."""
    with transaction.atomic():
        Ledger.objects.create(task_id=0, note="inside")
        context.update_progress(0.5, "inside")
        logger.info("inside")
        end = time.monotonic() + seconds
        while not os.path.exists(path) and time.monotonic() < end:
            time.sleep(0.02)
    return "committed"


@task(max_retries=1, retry_delay=0.01)
def say_much_and_fail(lines: int) -> None:
    for number in range(1, lines + 1):
        logger.info("line %s", number)
    raise ValueError("after all that")


@task(takes_context=True)
def log_from_everywhere(context) -> None:
    context.log_info("by the context")
    logger.debug("too fine")
    logger.info("by a logger that nobody configured")
    strict_logger.info("below its logger's level")
    strict_logger.warning("at its logger's level")
    closed_logger.error("does not propagate")
    thread = threading.Thread(target=logger.info, args=("by a thread of the task",))
    thread.start()
    thread.join()


@task(takes_context=True)
async def log_from_a_coroutine(context, name: str) -> None:
    logger.info("%s begins", name)
    await asyncio.to_thread(logger.info, "%s in a thread", name)
    await asyncio.gather(_log_later(name))
    context.log_warning("%s ends", name)


async def _log_later(name: str) -> None:
    await asyncio.sleep(0)
    logger.info("%s goes on", name)


@task(takes_context=True, timeout=50)
def time_left(context) -> list[float]:
    at = context.deadline.timestamp() - context.task_result.started_at.timestamp()
    return [at, context.remaining]


@task(takes_context=True)
async def own_result(context) -> str:
    return context.task_result.id


# -- outcomes -------------------------------------------------------------------------------------


@task(max_retries=1)
def ask_for_retries(delay: float) -> None:
    raise RetryTask("not yet", delay=delay)


@task(max_retries=0)
def ask_for_nonsense() -> None:
    raise RetryTask(delay=-1)


# -- hooks ----------------------------------------------------------------------------------------


def note(kind, result, error=None):
    logger.info("hook %s", kind)
    told = "" if error is None else f" {type(error).__name__}: {error}"
    Ledger.objects.create(task_id=int(result.id), note=f"{kind} {result.state}{told}"[:100])


def on_success(result) -> None:
    note("success", result)


def on_failure(result, error) -> None:
    note("failure", result, error)


async def on_retry(result, error) -> None:
    await asyncio.to_thread(_note_in_thread, result, error)


def _note_in_thread(result, error):
    from django.db import connections

    note("retry", result, error)
    connections.close_all()


@task(
    takes_context=True, max_retries=1, retry_delay=30, retry_jitter=0,
    on_success=on_success, on_failure=on_failure, on_retry=on_retry,
)  # fmt: skip
def hooked(context, what: str = "succeed", path: str = "") -> object:
    logger.info("the task")
    if what == "fail":
        raise ValueError("it broke")
    if what == "cancel":
        tasks_module().cancel_itself.func()
    if what == "snooze":
        raise tasks_module().Snooze(30)
    if what == "unstorable":
        return object()
    if what == "wait":
        open(path, "w").close()
        while not context.is_cancelled:
            time.sleep(0.02)
        raise ConnectionError("asked to stop while it was failing")
    return what


def tasks_module():
    from tests.app import tasks

    return tasks


def break_down(result) -> None:
    raise SystemExit("the hook broke")


def stay(result) -> None:
    time.sleep(30)


def stay_whatever_comes(result) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            time.sleep(30)
        except BaseException:
            continue


@task(on_success=break_down)
def hook_that_breaks() -> str:
    return "fine"


def take_time(result) -> None:
    path = result.args[0]
    open(path, "w").close()
    end = time.monotonic() + 30
    while not os.path.exists(f"{path}.go") and time.monotonic() < end:
        time.sleep(0.02)
    logger.info("the hook is done")


@task(on_success=take_time)
def hook_that_takes_time(path: str) -> None: ...


@task(timeout=0.5, on_success=stay)
def hook_that_stays() -> str:
    return "fine"


@task(timeout=0.5, timeout_grace=0.3, on_success=stay_whatever_comes)
def hook_that_cannot_be_stopped() -> str:
    return "fine"


@task(atomic=True, on_success=on_success)
def hooked_atomically() -> None:
    Ledger.objects.create(task_id=0, note="in the task's transaction")


def stay_after_a_failure(result, error) -> None:
    stay_whatever_comes(result)


@task(
    takes_context=True, timeout=3, timeout_grace=0.3, max_retries=1, retry_delay=1.5, retry_jitter=0,
    on_retry=stay_after_a_failure,
)  # fmt: skip
def retried_beside_its_hook(context) -> str:
    """Fail, and run on again while the hook of the failure stays too long."""
    if context.task_result.attempts == 1:
        raise ValueError("it broke")
    time.sleep(2.9 if context.task_result.attempts == 2 else 0)
    return "fine"


# -- steps ----------------------------------------------------------------------------------------


def do(name, value):
    """Do something once, and leave a trace each time."""
    Ledger.objects.create(task_id=0, note=name)
    return value


@task(takes_context=True, max_retries=3, retry_delay=0.01)
def pay(context, failures: int) -> list[object]:
    charged = context.step("charge", do, "charge", {"id": 7})
    again = context.step("charge", do, "charge", "not called")
    nothing = context.step("nothing", do, "nothing", None)
    if context.attempt <= failures:
        raise ConnectionError(f"attempt {context.attempt}")
    return [charged, again, nothing, context.step("mail", do, name="mail", value=(1, 2))]


@task(takes_context=True, max_retries=0)
def pay_after_kills(context, kills: int) -> int:
    """Kill its process right after each step."""
    for number in range(kills):
        context.step(f"step {number}", do, f"step {number}", number)
        if len(Ledger.objects.values("note")) == number + 1 and context.attempt == number + 1:
            os.kill(os.getpid(), signal.SIGKILL)
    return context.attempt


@task(takes_context=True, max_retries=1, retry_delay=0.01)
async def apay(context) -> list[object]:
    charged = await context.astep("charge", _charge)
    if context.attempt == 1:
        raise ConnectionError
    return [charged, await context.astep("plain", lambda: "plain")]


async def _charge() -> str:
    await asyncio.to_thread(_do_in_thread)
    return "charged"


def _do_in_thread() -> None:
    from django.db import connections

    do("charge", None)
    connections.close_all()


@task(takes_context=True, max_retries=3, retry_delay=0.01)
def pay_badly(context) -> None:
    context.step("charge", do, "charge", object())


@task(takes_context=True, max_retries=1, retry_delay=0.01)
def pay_in_a_transaction(context) -> list[object]:
    with transaction.atomic():
        context.step("kept", do, "kept", 1)
    try:
        with transaction.atomic():
            context.step("lost", do, "lost", 1)
            assert context.step("lost", do, "lost", "not called") == 1
            raise KeyError
    except KeyError:
        pass
    if context.attempt == 1:
        raise ConnectionError
    return [context.step("kept", do, "kept", 2), context.step("lost", do, "lost", 2)]


@task(takes_context=True, max_retries=0)
def fail_at_the_end(context, is_broken: bool = True) -> list[object]:
    values = [context.step(name, do, name, name) for name in ("first", "charge", "mail")]
    if not Ledger.objects.filter(note="repaired").exists():
        raise ValueError("at the end")
    return values


@task(takes_context=True, atomic=True, max_retries=0)
def pay_atomically(context) -> None:
    context.step("charge", do, "charge", 1)
