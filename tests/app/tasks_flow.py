"""Tasks that tests put into workflows."""

import os
import time

from asgiref.sync import sync_to_async

from taskhub import get_result, task
from taskhub.workflows import GroupResult
from tests.app.models import Ledger


@task
def one():
    return 1


@task
def add(*numbers):
    return sum(numbers)


@task
def total(numbers, extra=0):
    return sum(number or 0 for number in numbers) + extra


@task
def echo(value=None):
    return value


@task
def rest():
    time.sleep(0.005)


@task(max_retries=0)
def fail(*_):
    raise ValueError("it failed")


@task(max_retries=0)
def fail_unless(note, *_):
    if not Ledger.objects.filter(note=note).exists():
        raise ValueError(f"{note} is not there")
    return note


@task(takes_context=True)
def see(context, *_):
    return dict(context.upstream)


@task
def write(note, *_):
    Ledger.objects.create(note=note, task_id=0)
    return note


@task(takes_context=True)
def have_children(context, count):
    return [context.spawn(add.s(number)).id for number in range(count)]


@task(takes_context=True)
async def have_a_child(context):
    return (await context.aspawn(add.s(3))).id


@task(takes_context=True, timeout=60)
def have_children_when_cancelled(context, others):
    """Enqueue a child for tomorrow once somebody has asked this task to stop; then leave, or succeed all the same."""
    while not context.is_cancelled:
        time.sleep(0.02)
    context.spawn(add.s(1).using(countdown=86_400))
    if others == "leaves":
        context.raise_if_cancelled()


@task
async def aadd(*numbers):
    return sum(numbers)


@task(max_retries=0)
def wait_for(result_id, allow_sync=False):
    return get_result(result_id).get(timeout=20, allow_sync=allow_sync)


@task(max_retries=0)
async def await_all(ids):
    found = GroupResult([await sync_to_async(get_result)(id_) for id_ in ids])
    return [result.return_value async for result in found.as_completed(20)]


@task(takes_context=True, max_retries=0)
def wait_for_itself(context):
    return get_result(context.task_result.id).get(timeout=20, allow_sync=True)


@task(takes_context=True)
def split(context, weights, *, path=""):
    """Spawn a child for each weight; each waits for a file of its own."""
    return [
        context.spawn(wait_for_path.s(f"{path}{number}"), weight=weight).id
        for number, weight in enumerate(weights)
    ]


@task(takes_context=True, timeout=60)
def wait_for_path(context, path):
    while not os.path.exists(path):
        time.sleep(0.02)


@task(takes_context=True, max_retries=0)
def split_badly(context):
    context.spawn(one.s(), weight=-1)
