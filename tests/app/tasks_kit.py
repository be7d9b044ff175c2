"""Tasks that the tests of `taskhub.testing` run in their own transaction."""

from django.db import Error, connection, transaction

from taskhub import Snooze, task
from tests.app.models import Ledger
from tests.app.tasks_flow import echo


def write(note):
    return Ledger.objects.create(note=note, task_id=0)


@task(max_retries=1, retry_delay=60, retry_jitter=0)
def write_and_fail(note):
    write(note)
    raise ValueError("after the write")


@task(max_retries=0)
def write_and_break(note):
    write(note)
    with connection.cursor() as cursor:
        cursor.execute("SELECT nothing FROM nowhere")


@task
def recover_in_a_block(note):
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")
    except Error:
        write(note)


@task(atomic=True, max_retries=0)
def write_atomically(note, *, fails=False):
    write(note)
    if fails:
        raise ValueError("after the write")


@task(max_retries=0)
def leave_a_block_open(note):
    transaction.atomic().__enter__()
    write(note)


@task
def enqueue_on_commit(note):
    with transaction.atomic():
        write(note)
        transaction.on_commit(lambda: echo.enqueue(note))


@task(takes_context=True)
async def look_around(context, note):
    await Ledger.objects.acreate(note=note, task_id=0)
    await context.asave_checkpoint([note])
    result = context.task_result
    return [
        await Ledger.objects.filter(note=note).acount(),
        await context.aload_checkpoint(),
        result.kwargs["note"],
    ]


@task(takes_context=True, max_retries=1, retry_delay=1, retry_jitter=0)
async def go_in_steps(context):
    def count():
        return context.attempt

    first = await context.astep("first", count)
    if context.attempt == 1:
        raise ConnectionError
    return [first, await context.astep("second", count)]


@task(takes_context=True, retry_delay=1, retry_jitter=0)
def go_on_from_checkpoint(context):
    step = context.load_checkpoint(0)
    context.save_checkpoint(step + 1)
    context.update_progress(step / 2, f"step {step}")
    context.log_info("step %d", step)
    if step < 2:
        raise ConnectionError(f"step {step}")
    return [step, context.attempt, len(context.task_result.errors)]


@task(takes_context=True)
def snooze_for_an_hour(context):
    if not Ledger.objects.filter(note="snoozed").exists():
        write("snoozed")
        raise Snooze(3600)
    return context.attempt


@task
def enqueue_itself(seconds=0):
    enqueue_itself.using(countdown=seconds).enqueue(seconds)


def note_failure(result, error):
    write(f"{type(error).__name__} in {result.kwargs['note']}")


@task(max_retries=0, on_failure=note_failure)
def fail_with_a_hook(note):
    raise KeyError(note)


@task
def stop_everything():
    raise KeyboardInterrupt


@task(takes_context=True)
def spawn_and_look(context, number):
    child = context.spawn(echo.s(number))
    child.refresh()
    return str(child.state)
