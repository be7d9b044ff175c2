"""Reports: what a running task tells, through a real control connection, whatever the task itself has open."""

import asyncio
import logging
import threading
from contextlib import contextmanager

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections, transaction
from django.db.utils import OperationalError

from taskhub import queue
from taskhub.context import TaskContext
from taskhub.engines import get_engine
from taskhub.errors import InvalidCheckpoint, StaleClaim
from taskhub.models import Checkpoint, LogLine, Outcome, Progress, Task
from taskhub.run import Run
from tests.app import tasks
from tests.app.models import Ledger
from tests.engines.builders import claim, ending, enqueue, finish
from tests.helpers import acting_as, eventually, in_thread
from workers.reports import Reports

pytestmark = pytest.mark.django_db(transaction=True)


class Control:
    """A control thread that does nothing but serve runs, on a connection of its own."""

    def __init__(self, worker):
        self.worker, self.runs, self.ended = worker, [], []
        self._rung, self._is_over = threading.Event(), False
        self._serving = in_thread(self._serve)

    def add(self, claimed, definition=tasks.echo):
        run = Run(claimed, definition, lambda claim: f"task {claim.id}", self._rung.set)
        run.started -= 60  # it has run for a while: nothing waits for it to grow up
        self.runs.append(run)
        return run

    def end(self, run):
        self.runs.remove(run)
        self.ended.append(run)
        self._rung.set()
        eventually(lambda: run not in self.ended)

    def _serve(self):
        reports = Reports(lambda: self.worker.pk)
        while not self._is_over:
            self._rung.clear()
            ended = list(self.ended)
            reports.write(self.runs, ended)
            for run in ended:
                self.ended.remove(run)
            self._rung.wait(reports.seconds_to_next(self.runs) or 0.05)

    def stop(self):
        self._is_over = True
        self._rung.set()
        self._serving.result(20)


@pytest.fixture
def control(worker):
    serving = Control(worker)
    yield serving
    serving.stop()


@pytest.fixture
def run(control, worker):
    enqueue()
    return control.add(claim(worker)[0])


@pytest.fixture
def context(run):
    return TaskContext(run)


def saved():
    return list(Checkpoint.objects.values_list("value", flat=True))


def messages():
    return list(LogLine.objects.values_list("message", flat=True))


@contextmanager
def elsewhere(second_connection):
    """Look from another session, which sees what is committed."""
    with acting_as(second_connection):
        yield


# -- checkpoints ----------------------------------------------------------------------------------


def test_a_checkpoint_is_in_the_database_when_save_returns(context):
    for value in (1, {"row": 2}):
        context.save_checkpoint(value)
        assert saved() == [value]


def test_load_gives_what_this_attempt_saved_each_time_a_value_of_its_own(context):
    assert context.load_checkpoint("nothing") == "nothing"
    context.save_checkpoint({"rows": [1]})
    context.load_checkpoint()["rows"].append(2)
    assert context.load_checkpoint() == {"rows": [1]}


def test_the_next_attempt_loads_what_the_one_before_has_saved(context, run, control, worker):
    context.save_checkpoint([1, "é"])
    control.end(run)
    finish(worker, [ending(run.claim, Outcome.FAILED)])
    queue.retry(run.claim.id)
    following = TaskContext(control.add(claim(worker)[0]))
    assert following.load_checkpoint() == [1, "é"]
    following.save_checkpoint(None)
    assert following.load_checkpoint("default") is None


def test_a_later_attempt_that_finds_nothing_gets_the_default(run, control):
    later = control.add(run.claim._replace(claim_no=2))
    assert TaskContext(later).load_checkpoint() is None
    assert TaskContext(later).load_checkpoint(0) == 0


def test_inside_a_transaction_it_is_stored_whatever_becomes_of_that(
    context, second_connection, engine
):
    """On SQLite the transaction keeps everybody from writing: there it is stored when it ends."""
    with transaction.atomic():
        Ledger.objects.create(task_id=0, note="the task's own write")
        context.save_checkpoint("inside")
        with elsewhere(second_connection):
            assert saved() == ([] if engine == "sqlite" else ["inside"])
    assert saved() == ["inside"], "at the latest when the block has been left"
    with pytest.raises(KeyError), transaction.atomic():
        Ledger.objects.create(task_id=0, note="the task's own write")
        context.save_checkpoint("rolled back")
        raise KeyError
    eventually(lambda: saved() == ["rolled back"])


def test_of_many_checkpoints_inside_a_transaction_the_newest_is_stored(context):
    with transaction.atomic():
        for number in range(20):
            context.save_checkpoint(number)
    assert saved() == [19]


def test_load_does_not_disturb_the_tasks_own_transaction(context, run, control):
    context.save_checkpoint("before")
    later = TaskContext(control.add(run.claim._replace(claim_no=2)))
    with transaction.atomic():
        Ledger.objects.create(task_id=0, note="the task's own write")
        with connection.execute_wrapper(_refuse):
            assert later.load_checkpoint() == "before"
            assert later.task_result == f"task {run.claim.id}"


def _refuse(execute, sql, params, many, context):
    raise AssertionError(f"the task's own connection was used for {sql}")


def test_an_atomic_task_may_save_and_load(run, control):
    """Its transaction is open in the main thread, where a coroutine of it cannot see it."""
    context = TaskContext(control.add(run.claim._replace(claim_no=1), tasks.note_atomically))
    later = TaskContext(control.add(run.claim._replace(claim_no=2), tasks.note_atomically))

    async def task():
        context.save_checkpoint(1)
        await context.asave_checkpoint(2)
        return later.load_checkpoint(0), await later.aload_checkpoint(0)

    with transaction.atomic():
        Ledger.objects.create(task_id=0, note="the task's own write")
        seen = asyncio.run(task())
    assert seen in [(2, 2), (0, 0)], "not yet stored on SQLite"
    eventually(lambda: saved() == [2])


def test_a_coroutine_saves_and_loads_with_and_without_await(run, control, second_connection):
    first, second = TaskContext(run), TaskContext(control.add(run.claim._replace(claim_no=2)))

    async def task():
        first.save_checkpoint(1)
        loaded = second.load_checkpoint(), await second.aload_checkpoint()
        await first.asave_checkpoint(2)
        return *loaded, await second.aload_checkpoint(), second.task_result

    assert asyncio.run(task()) == (1, 1, 2, f"task {run.claim.id}")
    assert saved() == [2]


def test_a_function_that_a_coroutine_calls_in_a_transaction_saves(context):
    @sync_to_async
    def step():
        with transaction.atomic():
            Ledger.objects.create(task_id=0, note="the task's own write")
            context.save_checkpoint("step")
        connections.close_all()

    asyncio.run(step())
    assert saved() == ["step"]


def test_what_is_not_json_or_too_large_is_refused_and_says_why(context, settings):
    settings.TASKHUB = {"MAX_CHECKPOINT_BYTES": 10}
    with pytest.raises(InvalidCheckpoint, match=r"the checkpoint\['at'\] is a builtins.object"):
        context.save_checkpoint({"at": object()})
    with pytest.raises(InvalidCheckpoint, match=r"takes 12 bytes.*MAX_CHECKPOINT_BYTES"):
        context.save_checkpoint("é" * 5)
    context.save_checkpoint("x" * 8)
    assert saved() == ["x" * 8]


def test_a_task_that_was_taken_over_is_told(context, run, worker, rival, second_connection):
    with elsewhere(second_connection):
        queue.rescue_child(worker, {run.claim.id}, "was declared lost")
        (theirs,) = claim(rival)
        assert queue.save_checkpoint(get_engine(), theirs.id, 2, rival.pk, 2, '"theirs"')
    for _ in range(2):
        with pytest.raises(StaleClaim):
            context.save_checkpoint("mine")
    assert saved() == ["theirs"]


def test_a_thread_that_outlives_its_task_does_not_wait_for_ever(context, run, control):
    control.end(run)
    with pytest.raises(StaleClaim):
        context.save_checkpoint(1)
    with pytest.raises(StaleClaim):
        assert context.task_result


def test_runs_and_their_threads_do_not_mix(control, worker):
    enqueue(4)
    runs = [control.add(one) for one in claim(worker, 4)]

    def save_all(run):
        for number in range(10):
            TaskContext(run).save_checkpoint([run.claim.id, number])
            connections.close_all()

    for saving in [in_thread(save_all, run) for run in runs * 2]:
        saving.result(30)
    assert sorted(saved()) == sorted([run.claim.id, 9] for run in runs)


# -- progress and log lines -----------------------------------------------------------------------


@pytest.mark.only_on("postgresql", "mysql")
def test_progress_and_lines_show_while_the_task_is_inside_a_transaction(
    context, run, second_connection
):
    with transaction.atomic():
        Ledger.objects.create(task_id=0, note="the task's own write")
        context.update_progress(0.5, "half")
        context.log_info("inside")
        with elsewhere(second_connection):
            eventually(lambda: Progress.objects.filter(task_id=run.claim.id, fraction=0.5).exists())
            eventually(lambda: messages() == ["inside"])


def test_progress_and_lines_of_a_task_that_holds_the_write_lock_come_when_it_lets_go(
    context, run, second_connection
):
    with transaction.atomic():
        Ledger.objects.create(task_id=0, note="the task's own write")
        for number in range(5):
            context.update_progress(number / 10)
            context.log_info("line %s", number)
        assert context.load_checkpoint("served") == "served"
    eventually(lambda: Progress.objects.filter(task_id=run.claim.id, fraction=0.4).exists())
    eventually(lambda: messages() == [f"line {number}" for number in range(5)])


def test_the_last_report_is_there_when_the_task_has_ended(context, run, control):
    for number in range(101):
        context.update_progress(number / 100, str(number))
        context.log_info(str(number))
    control.end(run)
    assert Progress.objects.get(task_id=run.claim.id).message == "100"
    assert messages() == [str(number) for number in range(101)]


def test_a_young_run_wakes_nobody(worker):
    enqueue()
    rung = []
    run = Run(claim(worker)[0], tasks.echo, None, lambda: rung.append(1))
    TaskContext(run).update_progress(0.5)
    TaskContext(run).log_info("short")
    assert rung == []
    assert Reports(lambda: worker.pk).seconds_to_next([run]) <= 0.2, "it is looked at by itself"
    run.started -= 60
    run.stored_progress = run.progress
    TaskContext(run).update_progress(0.6)
    TaskContext(run).update_progress(0.7)
    assert rung == [1]


def test_what_was_not_written_for_a_lost_connection_is_written_later_and_once(worker):
    enqueue()
    run = Run(claim(worker)[0], tasks.echo, None)
    reports, context = Reports(lambda: worker.pk), TaskContext(run)
    context.log_info("first")
    context.update_progress(0.3)
    with connection.execute_wrapper(_gone(get_engine())), pytest.raises(OperationalError):
        reports.write([], [run])
    assert (messages(), Progress.objects.count()) == ([], 0)
    context.log_info("second")
    reports.write([], [run])
    reports.write([], [run])
    assert messages() == ["first", "second"]
    assert list(LogLine.objects.values_list("number", flat=True)) == [1, 2]


def _gone(engine):
    """Let each statement fail as it does when the connection is lost."""
    code = {"sqlite": "SQLITE_IOERR", "postgresql": None, "mysql": 2006}[engine.vendor]

    class Cause(Exception):
        sqlite_errorname, sqlstate = code, None

    def fail(execute, sql, params, many, context):
        raise OperationalError(code, "the connection is gone") from Cause()

    return fail


def test_text_that_no_database_stores_is_made_storable(context, run, control):
    context.log_info("a NUL \x00 and half a pair \ud800")
    context.update_progress(0.5, "\x00")
    control.end(run)
    assert messages() == ["a NUL \\u0000 and half a pair \\ud800"]
    assert Progress.objects.get().message == "\\u0000"


def test_a_task_that_uses_none_of_it_costs_no_statement(worker, django_assert_num_queries):
    enqueue()
    run = Run(claim(worker)[0], tasks.echo, None)
    with django_assert_num_queries(0):
        assert TaskContext(run).load_checkpoint() is None
        Reports(lambda: worker.pk).write([run], [])
        Reports(lambda: worker.pk).write([], [run])
    assert run.log is None


def test_a_refused_checkpoint_is_the_tasks_error_and_nobody_elses(worker, caplog):
    """The text is damaged on its way: no value that passes the checks is known to be refused."""
    enqueue(2)
    first, second = (Run(one, tasks.echo, None) for one in claim(worker, 2))
    done = in_thread(first.save, "{not json")
    eventually(lambda: first.savers)
    TaskContext(second).update_progress(0.5)
    with caplog.at_level(logging.ERROR, "taskhub.worker"):
        Reports(lambda: worker.pk).write([first], [second])
    with pytest.raises(InvalidCheckpoint, match="refused"):
        done.result(20)
    assert Progress.objects.get().task_id == second.claim.id
    assert saved() == []


@pytest.mark.only_on("postgresql", "mysql")
def test_a_task_that_locks_what_the_save_needs_goes_on_and_it_is_stored_later(context, run):
    with transaction.atomic():
        list(Task.objects.select_for_update().filter(id=run.claim.id))
        context.save_checkpoint("waited for")
        assert run.stored_checkpoint is None
    eventually(lambda: saved() == ["waited for"])
