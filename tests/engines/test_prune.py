"""What was kept for long enough is deleted with all that belongs to it, and nothing else is."""

import re

import pytest
from django.db import connection, transaction

from taskhub import queue
from taskhub.models import (
    Checkpoint,
    LogLine,
    Outcome,
    Progress,
    Result,
    Step,
    Task,
    TaskTag,
    Worker,
)
from taskhub.states import FINISHED, LIVE, TaskState
from tests.engines.builders import ago, make_task, make_worker, new_task, state_of
from tests.helpers import acting_as

pytestmark = pytest.mark.django_db

S = TaskState
DAY = 86_400.0
BESIDE = (Result, Progress, Checkpoint, LogLine, Step, TaskTag)


def make_old(state=S.SUCCEEDED, seconds=60 * DAY, **columns):
    return make_task(state, finished_at=ago(seconds), **columns)


def surround(task):
    """Make a row of each kind that may stand beside a task."""
    at = ago(1)
    Result.objects.create(
        task=task, claim_no=1, attempt=1, outcome=Outcome.FAILED, started_at=at, finished_at=at
    )
    Progress.objects.create(task=task, updated_at=at)
    Checkpoint.objects.create(task=task, attempt=1, updated_at=at)
    TaskTag.objects.create(task=task, name="red")
    Step.objects.create(task=task, name="charge", attempt=1, finished_at=at)
    log(task, at)
    return task


def log(task, at, number=1):
    line = {"claim_no": 1, "number": number, "attempt": 1, "level": 20, "message": "hello"}
    return LogLine.objects.create(task=task, at=at, **line)


def left():
    return set(Task.objects.values_list("pk", flat=True))


def test_each_state_has_a_term_of_its_own(settings):
    settings.TASKHUB = {"RETENTION": {"succeeded": 60, "failed": 3600, "expired": None}}
    kept = {
        make_old(S.SUCCEEDED, 30),
        make_old(S.FAILED, 100),
        make_old(S.CANCELLED, DAY),
        make_old(S.EXPIRED, 1000 * DAY),
    }
    for state, seconds in ((S.SUCCEEDED, 100), (S.FAILED, 4000), (S.CANCELLED, 8 * DAY)):
        make_old(state, seconds)
    assert queue.prune_preview() == {S.SUCCEEDED: 1, S.FAILED: 1, S.CANCELLED: 1, S.EXPIRED: 0}
    assert queue.prune() == 3
    assert queue.prune() == 0
    assert left() == {task.pk for task in kept}


def test_what_has_not_ended_stays_however_old_it_is():
    kept = {make_task(state, enqueued_at=ago(1000 * DAY)).pk for state in LIVE}
    assert queue.prune_all(dict.fromkeys(FINISHED, 0.0)) == dict.fromkeys(FINISHED, 0)
    assert left() == kept


def test_all_that_belongs_to_a_task_goes_with_it_and_what_belongs_to_others_stays():
    surround(make_old())
    kept = surround(make_old(seconds=60))
    assert queue.prune() == 1
    for model in BESIDE:
        assert [row.task_id for row in model.objects.all()] == [kept.pk]


def test_a_batch_takes_those_that_ended_first_and_no_more_than_asked_for():
    ids = [make_old(seconds=(60 - number) * DAY).pk for number in range(5)]
    failed = make_old(S.FAILED, 40 * DAY).pk
    assert queue.prune(limit=2) == 2
    assert left() == {*ids[2:], failed}
    assert queue.prune(limit=4) == 4
    assert not left()


def test_prune_all_goes_on_until_nothing_is_left():
    for _ in range(7):
        make_old()
    make_old(S.FAILED)
    counts = queue.prune_all({S.SUCCEEDED: DAY, S.EXPIRED: DAY}, batch=3)
    assert counts == {S.SUCCEEDED: 7, S.EXPIRED: 0}
    assert Task.objects.count() == 1


def test_nothing_is_pruned_for_ever_where_no_term_is_set(settings):
    settings.TASKHUB = {"RETENTION": dict.fromkeys(["succeeded", "failed", "cancelled", "expired"])}
    for state in FINISHED:
        make_old(state)
    assert sum(queue.prune_preview().values()) == queue.prune() == 0


@pytest.mark.only_on("postgresql", "mysql")
@pytest.mark.django_db(transaction=True)
def test_a_task_that_is_retried_in_between_is_left_alone(second_connection):
    task = make_old(S.FAILED)
    with transaction.atomic():
        queue.retry(task.pk)
        with acting_as(second_connection):
            assert queue.prune_preview()[S.FAILED] == 1
            assert queue.prune() == 0
    assert queue.prune() == 0
    assert state_of(task.pk) == S.QUEUED


@pytest.mark.only_on("postgresql", "mysql")
@pytest.mark.django_db(transaction=True)
def test_who_retries_a_task_that_is_being_pruned_finds_it_gone(second_connection):
    task = make_old(S.FAILED)
    queue.prune()
    with acting_as(second_connection), pytest.raises(Task.DoesNotExist):
        queue.retry(task.pk)


@pytest.mark.only_on("postgresql", "mysql")
@pytest.mark.django_db(transaction=True)
def test_two_who_prune_at_the_same_time_share_the_work(second_connection):
    for _ in range(4):
        make_old()
    with transaction.atomic():
        assert queue.prune(limit=2) == 2
        with acting_as(second_connection):
            assert queue.prune(limit=3) == 2
    assert not left()


@pytest.mark.only_on("postgresql")
def test_no_table_is_read_from_end_to_end_for_a_batch_though_nobody_knows_its_size():
    long = {"args": ["x" * 1000]}  # tables of so many pages that no statistics make them look small
    tasks = Task.objects.bulk_create(make_unsaved(**long) for _ in range(3000))
    at = ago(1)
    result = {"claim_no": 1, "attempt": 1, "started_at": at, "finished_at": at}
    result["traceback"] = "x" * 1000
    Result.objects.bulk_create(Result(task=task, **result) for task in tasks)
    deletes = []

    def keep(execute, sql, params, many, context):
        if sql.startswith("DELETE"):
            deletes.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(keep):
        assert queue.prune(500) == 500
    assert len(deletes) == len(BESIDE) + 1
    with connection.cursor() as cursor:
        for sql, params in deletes:
            cursor.execute(f"EXPLAIN {sql}", params)
            plan = str(cursor.fetchall())
            assert not re.search("Seq Scan on taskhub_(task|result) ", plan)  # the others are empty


def make_unsaved(**columns):
    return new_task(S.SUCCEEDED, finished_at=ago(60 * DAY), **columns)


# -- log lines and workers ------------------------------------------------------------------------------------------


def test_log_lines_may_go_before_their_task(settings):
    task = make_task(S.RUNNING)
    for number, age in enumerate([300, 200, 100, 10], 1):
        log(task, ago(age), number)
    assert queue.prune_logs() == 0
    settings.TASKHUB = {"KEEP_LOGS": 50}
    assert queue.prune_logs(limit=2) == 2
    assert queue.prune_logs(limit=2) == 1
    assert queue.prune_logs() == 0
    assert [line.number for line in LogLine.objects.all()] == [4]


def test_processes_that_stopped_long_ago_are_forgotten_children_first():
    old = {"stopped_at": ago(8 * DAY), "heartbeat_at": ago(8 * DAY)}
    parent = make_worker("old", kind="worker", **old)
    make_worker("old/1", parent=parent, **old)
    lasting = make_worker("lasting", kind="worker")
    make_worker("lasting/1", parent=lasting, **old)
    late = make_worker("late", stopped_at=ago(DAY))
    silent = make_worker("silent", heartbeat_at=ago(8 * DAY))
    kept = {lasting, late, silent}
    assert queue.prune_workers() == 2
    assert queue.prune_workers() == 1
    assert queue.prune_workers() == 0
    assert set(Worker.objects.all()) == kept


def test_a_process_that_still_holds_a_task_is_kept_for_its_rescue(settings):
    dead = make_worker("dead", stopped_at=ago(8 * DAY))
    make_task(S.RUNNING, dead)
    assert queue.prune_workers() == 0
    queue.rescue_lost_workers()
    assert queue.prune_workers() == 1
    settings.TASKHUB = {"KEEP_WORKERS": None}
    make_worker("other", stopped_at=ago(8 * DAY))
    assert queue.prune_workers() == 0
