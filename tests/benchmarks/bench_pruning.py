"""How a drain fares beside a million tasks that ended, and while they are deleted.

`python -m tests.run --engine postgresql tests/benchmarks/bench_pruning.py -s`; TASKHUB_TEST_ROWS says how many.
"""

import os
import statistics
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from taskhub.bench.admission import OTHER
from taskhub.bench.draining import drain, enqueue
from taskhub.bench.tasks import noop
from taskhub.models import Result, Task
from taskhub.states import TaskState

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = int(os.environ.get("TASKHUB_TEST_ROWS", "1000000"))
TASKS, ROUNDS, AT_ONCE = 40_000, 3, 20_000


def fill(ended_at):
    """Make rows of tasks that succeeded, each with its result."""
    for start in range(0, ROWS, AT_ONCE):
        ids = enqueue(noop.using(queue_name=OTHER), min(AT_ONCE, ROWS - start))
        times = {"started_at": ended_at, "finished_at": ended_at}
        Task.objects.filter(id__range=(ids[0], ids[-1])).update(
            state=TaskState.SUCCEEDED, attempt=1, claim_no=1, **times
        )
        Result.objects.bulk_create(
            Result(task_id=id_, claim_no=1, attempt=1, outcome="succeeded", **times) for id_ in ids
        )


def rate():
    return round(drain("default", ["--processes", "2"], enqueue(noop, TASKS)))


def test_a_drain_beside_what_has_ended_and_while_it_is_deleted(capsys, monkeypatch):
    monkeypatch.setenv("TASKHUB_TEST_DATABASE_NAME", str(connection.settings_dict["NAME"]))

    def say(what, rates, alone=None):
        middle = statistics.median(rates)
        with capsys.disabled():
            print(
                f"{what:40} {middle:8,.0f} tasks/s {middle / (alone or middle):5.2f} ×  of {rates}"
            )

    alone = [rate() for _ in range(ROUNDS)]
    middle = statistics.median(alone)
    say("\nalone", alone)
    fill(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor != "mysql" else "ANALYZE TABLE taskhub_task")
    say(f"beside {ROWS:,} that ended", [rate() for _ in range(ROUNDS)], middle)
    old = timezone.now() - timedelta(days=3650)
    ended = Task.objects.filter(queue=OTHER)
    ended.update(enqueued_at=old, started_at=old, finished_at=old)
    before = ended.count()
    say("while these are deleted", [rate() for _ in range(ROUNDS)], middle)
    with capsys.disabled():
        print(f"deleted meanwhile: {before - ended.count():,} of {before:,}")
