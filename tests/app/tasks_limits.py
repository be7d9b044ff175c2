"""Tasks whose number is limited, in one way or another."""

import time
from pathlib import Path

from taskhub import RetryTask, Snooze, task
from tests.app.models import Ledger


@task(unique_key="{user_id}")
def sync_user(user_id, full=False):
    return user_id


@task(unique_key="{0}", unique_for=60)
def remind(user_id):
    return user_id


@task(unique_key=lambda path, size=1: f"{path.lower()}/{size}")
def render(path, size=1):
    return path


@task(unique_key="{0}", max_retries=0)
def fail_alone(key):
    raise ValueError(key)


@task(concurrency_key="{0}", max_retries=0)
def export(customer, how="return"):
    match how:
        case "fail":
            raise ValueError("it failed")
        case "snooze":
            raise Snooze(3600)
        case "retry":
            raise RetryTask(delay=3600)
    return customer


@task(concurrency_key="shared", concurrency_limit=3)
def share(number):
    """Write when it begins and ends, so that the most that ran together can be counted."""
    Ledger.objects.create(note="begin", task_id=number)
    time.sleep(0.02)
    Ledger.objects.create(note="end", task_id=number)


@task(rate_limit="10/s")
def call(number=0):
    Ledger.objects.create(note="call", task_id=number)


@task(rate_limit="100/m", concurrency_key="one")
def call_alone(number=0):
    return number


@task(fair_key="{customer}", queue_name="default")
def serve(customer, number=0):
    return number


@task(concurrency_key="hold", on_worker_loss="fail")
def hold_alone(folder):
    """Say that it has begun and stay until killed; with None, end at once."""
    if folder is not None:
        (Path(folder) / "begun").touch()
        time.sleep(600)


@task
def rest(seconds):
    time.sleep(seconds)
