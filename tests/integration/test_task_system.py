"""TaskSystem on the site's database: handlers of this process, in threads that start and stop cleanly."""

import asyncio
import gc
import os
import threading
import time
import warnings
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from taskhub import TaskState, TaskSystem, chain, compat, get_result, monitor, signals
from taskhub.context import current_run
from taskhub.errors import InvalidOption, TaskFailed, TaskhubError, UnknownTask
from taskhub.models import LogLine, Task, Worker
from taskhub.models.worker import WorkerKind
from taskhub.signals import worker_offline, worker_online
from tests.app import tasks
from tests.engines.builders import ago, make_worker
from tests.helpers import eventually, in_thread
from workers.system.handlers import run_handler

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def system():
    made = TaskSystem(concurrency=2)
    yield made
    made.shutdown_graceful(5)


def sessions():
    """How many sessions of this database there are, where one can ask."""
    if connection.vendor == "postgresql":
        sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    elif connection.vendor == "mysql":
        sql = "SELECT count(*) FROM information_schema.processlist WHERE db = database()"
    else:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def descriptors():
    """What is open, but for SQLite's file: it keeps some descriptors for the next connection, to hold its locks."""
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            target = os.readlink(f"/proc/self/fd/{number}")
            if ".sqlite3" not in target:
                yield target


def traces():
    gc.collect()
    ours = [t.name for t in threading.enumerate() if t.name.startswith("taskhub-")]
    return sorted(ours), len(list(descriptors())), sessions()


# -- handlers -------------------------------------------------------------------------------------------------------


def test_functions_and_closures_are_handlers(system):
    seen = []

    def remember(word, times=1):
        seen.append(word * times)
        return len(seen)

    system.register_handler("remember", remember)
    system.register_handler("shout", lambda word: word.upper())
    with system:
        assert system.submit("remember", {"word": "ab", "times": 2}).get(10) == 1
        assert system.submit("shout", {"word": "ab"}).get(10) == "AB"
    assert seen == ["abab"]


def test_a_decorator_registers_too_and_options_are_those_of_a_task(system):
    @system.register_handler("counted", takes_context=True, max_retries=2, retry_delay=0.01)
    def counted(context, until):
        if context.attempt < until:
            raise ConnectionError("not yet")
        return context.attempt

    with system:
        assert system.submit("counted", {"until": 3}).get(10) == 3
    assert callable(counted)
    assert system.workers.statistics().tasks_retried == 2


class Import:
    """As the specification's task_handler_interface."""

    name = "import.file"

    def __init__(self):
        self.told = []

    def execute(self, context, path, fails=False):
        context.update_progress(0.5, path)
        context.log_info("importing %s", path)
        if fails:
            raise ValueError(path)
        return f"{path} by attempt {context.attempt}"

    def on_retry(self, result, error):
        self.told.append(("retry", str(error)))

    def on_failure(self, result, error):
        self.told.append(("failure", str(error)))


def test_objects_and_classes_with_execute_are_handlers(system):
    handler = Import()
    system.register_handler(handler, max_retries=1, retry_delay=0.01)
    system.register_handler("again", Import)
    with system:
        good = system.submit("import.file", {"path": "a.csv"})
        bad = system.submit("import.file", {"path": "b.csv", "fails": True})
        assert good.get(10) == "a.csv by attempt 1"
        with pytest.raises(TaskFailed, match=r"b\.csv"):
            bad.get(10)
        assert system.submit("again", {"path": "c.csv"}).get(10) == "c.csv by attempt 1"
    assert handler.told == [("retry", "b.csv"), ("failure", "b.csv")]
    assert get_result(good.id).progress_message == "a.csv"
    assert LogLine.objects.get(task_id=good.id).message == "importing a.csv"


def test_coroutines_are_handlers(system):
    async def wait(seconds):
        await asyncio.sleep(seconds)
        return "waited"

    class Wait:
        async def execute(self, context, seconds):
            return await wait(seconds)

    system.register_handler("wait", wait)
    system.register_handler("wait.object", Wait())
    with system:
        results = [system.submit(name, {"seconds": 0.01}) for name in ("wait", "wait.object")]
        assert [result.get(10) for result in results] == ["waited", "waited"]


def test_tasks_of_the_site_run_beside_handlers_and_in_workflows(system):
    system.register_handler("plus", lambda a, b=1: a + b)
    with system:
        assert tasks.add.enqueue(1, b=2).get(10) == 3
        plus = system.client.signature
        assert system.client.chain([plus("plus", {"a": 1}), plus("plus", {"b": 10})]).get(10) == 12
        assert chain(tasks.add.s(1), plus("plus")).enqueue().get(10) == 2
        system.register_handler("sum", sum)
        header = [plus("plus", {"a": n}) for n in range(3)]
        assert system.client.chord(header, plus("sum")).get(10) == 6
        assert system.client.group(header).get(10) == [1, 2, 3]
        many = system.client.send_batch("plus", [{"a": n} for n in range(3)])
        assert [result.get(10) for result in many] == [1, 2, 3]
        assert system.client.get_result(many[0].id).return_value == 1


def test_a_handler_that_comes_later_finds_what_waits_for_it(system):
    system.register_handler("early", lambda: "early")
    waiting = system.submit("early")
    assert waiting.state == TaskState.QUEUED
    with system:
        assert waiting.get(10) == "early"
        system.register_handler("late", lambda: "late", queue_name="of its own")
        assert system.submit("late").get(10) == "late"
        assert "late" in monitor.workers()[0].worker.tasks


def test_a_handler_may_be_replaced_but_takes_no_name_of_others(system):
    system.register_handler("mine", lambda: 1)
    system.register_handler("mine", lambda: 2)
    with system:
        assert system.submit("mine").get(10) == 2
        other = TaskSystem()
        for name, owner in (("tests.app.tasks.add", system), ("mine", other)):
            with pytest.raises(InvalidOption, match="taken"):
                owner.register_handler(name, len)
    with pytest.raises(InvalidOption, match="expected a function, or an object with execute"):
        system.register_handler("five", 5)
    with pytest.raises(InvalidOption, match="did you mean 'max_retries'"):
        system.register_handler("typo", len, max_retry=1)
    with pytest.raises(InvalidOption, match="needs a name"):
        system.register_handler(object())


def test_a_name_means_the_handler_of_the_system_that_runs(system):
    system.register_handler("who", lambda: "first")
    other = TaskSystem(concurrency=1)
    other.register_handler("who", lambda: "second")
    for each, answer in ((other, "second"), (system, "first"), (other, "second")):
        with each:
            assert each.submit("who").get(10) == answer
    del each, other
    gc.collect()
    system.register_handler("hers", lambda: 1)
    assert system.submit("hers").state == TaskState.QUEUED


def test_handlers_go_with_their_system():
    mayfly = TaskSystem()
    mayfly.register_handler("fleeting", mayfly.stop)
    assert mayfly.submit("fleeting").state == TaskState.QUEUED
    del mayfly
    gc.collect()
    with pytest.raises(UnknownTask):
        TaskSystem().submit("fleeting")


def test_an_unknown_name_is_refused_when_it_is_submitted(system):
    system.register_handler("greet", lambda: 1)
    with pytest.raises(UnknownTask, match="Did you mean 'greet'"):
        system.submit("great")


# -- life -----------------------------------------------------------------------------------------------------------


def test_what_is_submitted_before_the_start_and_after_the_stop_waits(system):
    system.register_handler("one", lambda: 1)
    before = system.submit("one")
    assert (system.is_running, system.stop()) == (False, True)
    with system:
        assert system.is_running
        assert before.get(10) == 1
    after = system.submit("one")
    assert not after.wait(0.1)
    with system:
        assert after.get(10) == 1


def test_it_starts_once_at_a_time_and_outside_of_transactions(system):
    system.start()
    with pytest.raises(TaskhubError, match="running already"):
        system.start()
    with pytest.raises(TaskhubError, match="Another TaskSystem"):
        TaskSystem().start()
    system.stop()
    with transaction.atomic(), pytest.raises(TaskhubError, match="inside a transaction"):
        system.start()
    with TaskSystem():
        pass


def test_many_starts_and_stops_leave_nothing_behind(system):
    system.register_handler("one", lambda: Task.objects.count())
    with system:
        assert system.submit("one").get(10) == 1
    before = traces()
    for _ in range(5):
        with system:
            system.submit("one").get(10)
    eventually(lambda: traces() == before)
    assert before[0] == []
    assert not Worker.objects.filter(stopped_at__isnull=True).exists()
    assert system.workers.statistics().tasks_processed == 6


def test_it_counts_what_its_threads_do(system):
    go_on = threading.Event()
    system.register_handler("hold", lambda: go_on.wait(10))
    system.register_handler("fail", lambda: 1 / 0, max_retries=0)
    assert (system.workers.active_workers, system.workers.idle_workers) == (0, 0)
    with system:
        assert (system.workers.active_workers, system.workers.idle_workers) == (0, 2)
        held = system.submit("hold")
        eventually(lambda: system.workers.active_workers == 1)
        assert system.workers.idle_workers == 1
        [info] = system.monitor.workers()
        assert (info.is_healthy, info.worker.slots, info.worker.pid) == (True, 2, os.getpid())
        system.submit("fail").wait(10)
        go_on.set()
        assert held.get(10) is True
    found = system.workers.statistics()
    assert (found.tasks_processed, found.tasks_succeeded, found.tasks_failed) == (2, 1, 1)
    assert 0 < found.avg_execution_time <= found.max_execution_time < 10
    assert system.monitor.workers() == []


def spin(began=None):
    if began is not None:
        began.set()
    end = time.monotonic() + 20
    while time.monotonic() < end:
        time.sleep(0.01)


def test_a_soft_timeout_interrupts_a_handler(system):
    system.register_handler("spin", spin, timeout=0.3, max_retries=0)
    with system:
        with pytest.raises(TaskFailed, match="TaskTimeout"):
            system.submit("spin").get(10)
        assert system.is_running


def test_a_running_handler_is_cancelled(system):
    began = threading.Event()
    system.register_handler("spin", lambda: spin(began))
    with system:
        result = system.submit("spin")
        assert began.wait(10)
        result.revoke("enough")
        assert result.wait(10)
        assert (result.state, result.reason) == (TaskState.CANCELLED, "enough")


def test_a_graceful_stop_lets_what_runs_end(system):
    began = threading.Event()

    def nap():
        began.set()
        time.sleep(0.5)
        return "rested"

    system.register_handler("nap", nap)
    system.start()
    result = system.submit("nap")
    assert began.wait(10)
    assert system.shutdown_graceful(10) is True
    result.refresh()
    assert result.return_value == "rested"


def test_what_outlasts_a_stop_goes_back_to_its_queue(system):
    began, lives = threading.Event(), []

    def first_too_long():
        lives.append(1)
        if len(lives) == 1:
            spin(began)
        return len(lives)

    system.register_handler("long", first_too_long)
    system.start()
    result = system.submit("long")
    assert began.wait(10)
    assert system.shutdown_graceful(0.1) is False
    result.refresh()
    assert (result.state, result.attempts) == (TaskState.QUEUED, 0)
    with system:
        assert result.get(10) == 2
    assert result.attempts == 1


def test_a_task_that_never_leaves_loses_its_word(system):
    began, go_on, left = threading.Event(), threading.Event(), threading.Event()

    def hold():
        began.set()
        try:
            go_on.wait(30)  # one blocking call: no exception gets in
        finally:
            left.set()
        return "too late"

    system.register_handler("hold", hold)
    system.start()
    result = system.submit("hold")
    assert began.wait(10)
    assert system.shutdown_graceful(0) is False
    result.refresh()
    assert (result.state, system.is_running) == (TaskState.QUEUED, False)
    go_on.set()
    assert left.wait(10)
    eventually(lambda: not traces()[0])
    result.refresh()
    assert result.state == TaskState.QUEUED


def test_a_handler_cannot_stop_the_system_that_runs_it(system):
    system.register_handler("stop", system.stop, max_retries=0)
    with system:
        with pytest.raises(TaskFailed, match="wait for itself"):
            system.submit("stop").get(10)
        assert system.is_running


def test_stops_from_several_threads_are_one(system):
    system.start()
    assert [in_thread(system.stop).result(20) for _ in range(3)] == [True] * 3
    assert not system.is_running


def test_a_forked_child_has_no_threads_to_stop(system):
    system.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
        pid = os.fork()
    if not pid:
        os._exit(0 if not system.is_running and system.stop() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert system.is_running


def rename(before, after):
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {before} RENAME TO {after}")


def test_a_system_that_cannot_go_on_says_so_and_can_be_started_again(system, caplog):
    system.register_handler("one", lambda: 1)
    system.start()
    rename("taskhub_queue", "taskhub_elsewhere")
    try:
        result = system.submit("one")
        eventually(lambda: not system.is_running)
    finally:
        rename("taskhub_elsewhere", "taskhub_queue")
    assert "taskhub-control failed" in caplog.text
    system.start()
    assert result.get(10) == 1


def test_a_task_knows_that_it_is_in_a_system(system):
    system.register_handler("name", lambda: current_run.get().definition.identifier)
    with system:
        assert system.submit("name").get(10) == "name"
    with pytest.raises(LookupError, match="submit it"):
        run_handler()


def test_the_client_of_a_system_sends_now_later_and_in_batches(system):
    system.register_handler("say", lambda word: word)
    client = system.client
    now = client.send("say", {"word": "now"})
    later = client.send_later("say", {"word": "later"}, 0.5)
    at = timezone.now() + timedelta(seconds=3)
    then = client.send_at("say", {"word": "then"}, at)
    both = client.send_batch("say", [{"word": "a"}, {"word": "b"}])
    assert [later.state, then.state] == [TaskState.PENDING] * 2
    with system:
        assert [r.get(20) for r in (now, later, then, *both)] == ["now", "later", "then", "a", "b"]
    then.refresh()
    assert then.started_at >= at
    assert client.get_result(now.id).return_value == "now"


def test_workers_that_come_and_go_are_announced(system, settings):
    settings.TASKHUB = {"HEARTBEAT": 0.2, "LEASE": 20, "POLL_INTERVAL": 1}
    silent = make_worker("silent", kind=WorkerKind.WORKER, heartbeat_at=ago(60))
    heard = []

    def hear(signal, worker, **kwargs):
        heard.append(("online" if signal is worker_online else "offline", worker.name))

    for signal in (worker_online, worker_offline):
        signal.connect(hear)
    try:
        with system:
            eventually(lambda: ("offline", "silent") in heard, timeout=30)
    finally:
        for signal in (worker_online, worker_offline):
            signal.disconnect(hear)
    silent.refresh_from_db()
    assert silent.is_lost
    name = Worker.objects.exclude(name="silent").order_by("id").first().name
    assert heard == [("online", name), ("offline", "silent"), ("offline", name)]


def test_receivers_run_beside_the_tasks_and_are_waited_for_at_the_stop(system):
    heard, let_go = [], threading.Event()

    def hear(task_result, **kwargs):
        let_go.wait(10)
        time.sleep(0.2)
        heard.append((task_result.id, threading.current_thread().name))

    signals.task_succeeded.connect(hear)
    try:
        with system:
            results = [tasks.add.enqueue(n) for n in range(3)]
            assert [result.get(10) for result in results] == [0, 1, 2]
            assert not heard
            let_go.set()
    finally:
        signals.task_succeeded.disconnect(hear)
    assert sorted(heard) == [(result.id, "taskhub-events") for result in results]


def test_a_receiver_that_hangs_holds_up_neither_tasks_nor_the_stop(system):
    let_go = threading.Event()

    def hang(**kwargs):
        let_go.wait(60)

    signals.task_succeeded.connect(hang)
    try:
        with system:
            results = tasks.add.enqueue_many([((n,), {}) for n in range(20)])
            assert [result.get(10) for result in results] == list(range(20))
            began = time.monotonic()
        assert time.monotonic() - began < 8
    finally:
        signals.task_succeeded.disconnect(hang)
        let_go.set()
    eventually(lambda: "taskhub-events" not in [t.name for t in threading.enumerate()])


def test_a_task_that_is_being_cancelled_when_the_system_stops_is_told_once(system):
    names = {signals.task_cancelled: "task_cancelled", compat.task_finished: "task_finished"}
    heard, began = [], threading.Event()

    def hear(signal, task_result, **kwargs):
        heard.append((names[signal], task_result.id, str(task_result.state)))

    system.register_handler("spin", lambda: spin(began))
    for signal in names:
        signal.connect(hear)
    try:
        system.start()
        result = system.submit("spin")
        assert began.wait(10)
        result.revoke("enough")
        system.shutdown_graceful(0.1)
    finally:
        for signal in names:
            signal.disconnect(hear)
    result.refresh()
    assert (result.state, result.reason) == (TaskState.CANCELLED, "enough")
    assert sorted(heard) == [(name, result.id, "cancelled") for name in names.values()]


# -- options --------------------------------------------------------------------------------------------------------


def test_it_works_on_the_queues_that_it_is_given():
    system = TaskSystem(concurrency=1, queues={"mail": 3}, name="post")
    system.register_handler("post", lambda: 1)
    with system:
        here, there = (system.submit("post", queue_name=name) for name in ("mail", "other"))
        assert here.get(10) == 1
        assert Worker.objects.get(name="post").queue_names == {"mail"}
    there.refresh()
    assert there.state == TaskState.QUEUED


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"concurrency": 0}, "concurrency=0"),
        ({"concurrency": True}, "expected 1 to 1000"),
        ({"queues": {"mail": 0}}, "mail:0"),
        ({"name": ""}, "1 to 150 characters"),
    ],
)
def test_bad_options_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        TaskSystem(**options)
