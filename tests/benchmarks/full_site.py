"""A site with a million tasks, made by the database alone: what the benchmark of the dashboard looks at.

900,000 have ended, 100,000 wait, of 40 queues' and 60 names' kinds; a tenth has a tag, a thousand are children of one
task and as many belong to one workflow; 20,000 attempts have failed, an hour has been measured, 100 schedules have each
run a hundred times.
"""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from taskhub import schedules
from taskhub.metrics.tally import MINUTE, floor, moment
from taskhub.models import (
    AuditEntry,
    Decision,
    MetricBucket,
    ScheduleRun,
    Task,
    TaskTag,
    WorkflowRun,
)
from taskhub.states import TaskState
from tests.app import tasks
from tests.dashboard.builders import ago, make_entry, make_result, make_task, make_worker
from tests.engines.test_query_plans import numbers_below

QUEUES, NAMES, SCHEDULES = 40, 60, 100


def fill(many: int) -> None:
    """Make `many` tasks and what comes with them, and let the planner know."""
    for number in range(QUEUES):
        make_entry(f"email.send{number}", "to", "user_id", queue=f"q{number}")
    for number in range(8):
        make_worker(f"w{number}")
    _tasks(many)
    _family()
    _failures()
    _metrics()
    _schedules()
    AuditEntry.objects.bulk_create(
        AuditEntry(at=ago(n), user_name="anna", action="retry", target=f"task {n}", count=1)
        for n in range(1000)
    )
    with connection.cursor() as cursor:
        # As autovacuum leaves a table; without it PostgreSQL looks each row of an index up.
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def _tasks(many: int) -> None:
    kinds = _kinds()
    times = {c: before(c, "n / 10.0") for c in ("enqueued_at", "started_at", "finished_at")}
    multiply(make_task(TaskState.SUCCEEDED), many * 85 // 100, **kinds, **times)
    multiply(make_task(TaskState.FAILED), many * 5 // 100, **kinds, **times)
    multiply(make_task(TaskState.QUEUED), many * 9 // 100, **kinds, priority="n % 3")
    pending = make_task(TaskState.PENDING, tags=("bulk",))
    multiply(TaskTag.objects.get(), many // 10, task_id="task_id - n - 1")
    multiply(pending, many // 100, **kinds)


def _kinds() -> dict[str, str]:
    kwargs = text('{"user_id": ', "n") + " || '}'"
    return {
        "name": text("email.send", f"n % {NAMES}"),
        "queue": text("q", f"n % {QUEUES}"),
        "kwargs": f"({kwargs})::jsonb" if connection.vendor == "postgresql" else kwargs,
    }


def _family() -> None:
    parent = make_task(TaskState.SUCCEEDED, name="email.all")
    run = WorkflowRun.objects.create(name="night", kind="group", size=1000, created_at=ago(60))
    for columns in ({"parent": parent}, {"workflow": run}):
        multiply(make_task(TaskState.SUCCEEDED, **columns), 1000)


def _failures() -> None:
    failed = Task.objects.filter(state=TaskState.FAILED).earliest("id")
    result = make_result(failed, fingerprint="ab" * 8)
    for start in range(20):
        multiply(
            result, 1000, task_id=f"task_id + n + {start * 1000}", fingerprint=text("abababababab", f"1000 + {start}"),
            finished_at=before("finished_at", "n * 10"),
        )  # fmt: skip


def _metrics() -> None:
    now = timezone.now()
    MetricBucket.objects.bulk_create(
        MetricBucket(
            seconds=60, start_at=moment(floor(int((now - timedelta(minutes=minute)).timestamp()), MINUTE)),
            queue=f"q{queue}", name=f"email.send{name}", outcome="succeeded", count=9,
            waits={str(bucket): 3 for bucket in range(10, 13)}, runs={str(bucket): 3 for bucket in range(20, 23)},
        )
        for minute in range(60)
        for queue in range(QUEUES)
        for name in range(queue, NAMES, QUEUES)
    )  # fmt: skip


def _schedules() -> None:
    for number in range(SCHEDULES):
        schedules.add_cron(f"nightly{number:03}", tasks.add.s(1), "0 3 * * *")
    first, at = Task.objects.earliest("id").pk, ago(60)
    ScheduleRun.objects.bulk_create(
        ScheduleRun(
            schedule=one, due_at=at - timedelta(days=n), decided_at=at, decision=Decision.ENQUEUED,
            task_id=first + 7919 * n + one.pk,
        )
        for one in schedules.list()
        for n in range(100)
    )  # fmt: skip


def multiply(template, count: int, **varied: str) -> None:
    """Make `count` rows of one, by the database alone, with some columns as expressions of n."""
    table = template._meta.db_table
    columns = [f.column for f in template._meta.concrete_fields if not f.primary_key]
    quote = connection.ops.quote_name
    values = [varied.get(column, quote(column)) for column in columns]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(map(quote, columns))}) SELECT {', '.join(values)} "
            f"FROM {table}, {numbers_below(count)} WHERE id = {template.pk} AND n > 0"
        )


def before(column: str, seconds: str) -> str:
    if connection.vendor == "postgresql":
        return f"{column} - ({seconds}) * interval '1 second'"
    return f"strftime('%Y-%m-%d %H:%M:%f000', {column}, '-' || ({seconds}) || ' seconds')"


def text(prefix: str, number: str) -> str:
    if connection.vendor == "postgresql":
        return f"'{prefix}' || ({number})::text"
    return f"'{prefix}' || ({number})"
