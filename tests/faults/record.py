"""What the database has on record of a run; tests of faults assert on this and on nothing else."""

import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from django.db import connection, transaction
from django.db.models import Count
from django.db.utils import Error

from taskhub.models import Result, Task, Worker
from taskhub.models.worker import WorkerKind
from taskhub.states import FINISHED
from tests.helpers import eventually
from tests.processes import Launched

T = TypeVar("T")

# A clockwork that hurries, for the processes of a test: what takes a lease takes two seconds.
HEARTBEAT, LEASE = 0.4, 2.0
HURRIED = {
    "TASKHUB_TEST_HEARTBEAT": str(HEARTBEAT),
    "TASKHUB_TEST_LEASE": str(LEASE),
    "TASKHUB_TEST_POLL_INTERVAL": "1",
}


def finished_count() -> int:
    return Task.objects.filter(state__in=FINISHED).count()


def wait_for_finished(count: int, timeout: float = 60.0) -> None:
    """Wait until so many tasks have ended, however."""

    def enough() -> bool:
        found = patiently(finished_count)
        assert found >= count, f"{found} of {count} tasks have ended"
        return True

    eventually(enough, timeout, interval=0.05)


def patiently(look: Callable[[], T]) -> T:
    """Look at the database; a broken connection is closed, so that the next look makes a new one."""
    try:
        return look()
    except Error:
        with suppress(Error):
            connection.close()
        raise


def assert_each_succeeded_once(count: int) -> None:
    """So many tasks there are, each has succeeded, and its history holds one success."""
    states = Counter(Task.objects.values_list("state", flat=True))
    assert states == {"succeeded": count}
    successes = Result.objects.filter(outcome="succeeded")
    twice = successes.values("task").annotate(times=Count("id")).filter(times__gt=1)
    assert not list(twice)
    assert successes.count() == count


def outcomes(task_id: int | str) -> list[str]:
    """How the attempts of a task ended, in the order of its claims."""
    rows = Result.objects.filter(task_id=int(task_id)).order_by("claim_no")
    return list(rows.values_list("outcome", flat=True))


def signatures(path: Path) -> Counter[int]:
    """How often each number has signed a file (the task `sign`)."""
    return Counter(int(line.split()[0]) for line in path.read_text().splitlines())


def executors(worker: Launched) -> list[int]:
    """The pids of a worker's executors that have announced themselves and live."""
    rows = Worker.objects.filter(
        kind=WorkerKind.EXECUTOR, parent__pid=worker.pid, stopped_at__isnull=True
    )
    return sorted(set(rows.values_list("pid", flat=True)) & set(worker.members))


def maintenance(worker: Launched) -> list[int]:
    """The pids of a worker's other children: maintenance, and what has not announced itself."""
    return sorted(set(worker.children) - set(executors(worker)))


def wait_for_executors(worker: Launched, count: int) -> list[int]:
    """Wait until a worker has so many executors that take tasks; return their pids."""

    def all_of_them() -> list[int]:
        found = executors(worker)
        return found if len(found) == count else []

    return worker.wait_until(all_of_them, f"has {count} executors", timeout=60)


def freeze(worker: Launched) -> None:
    """Stop a worker's processes where they are (SIGSTOP), but not while one of them holds SQLite's write lock."""

    def is_frozen_at_a_good_moment() -> bool:
        worker.send_to_all(signal.SIGSTOP)
        try:
            with transaction.atomic():
                return True
        except Error:
            worker.send_to_all(signal.SIGCONT)
            raise

    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA busy_timeout = 200")
    eventually(is_frozen_at_a_good_moment, timeout=60)
    connection.close()  # and the short timeout with it


def thaw(worker: Launched) -> None:
    worker.send_to_all(signal.SIGCONT)
