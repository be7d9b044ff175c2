"""Wake-ups: a hint that comes with the commit; each database in its own way."""

import sqlite3
import time

import pytest
from django.db import connection, connections, transaction

from taskhub import queue
from taskhub.engines.changes import Changes
from taskhub.engines.listener import Listener
from taskhub.engines.wakeups import LOOK, Debounce, Kind, Waiter, Wake
from taskhub.engines.watch import FileWatch
from taskhub.models import Outcome, Task
from taskhub.states import TaskState
from tests.app import tasks
from tests.engines.builders import ago, claim, ending, enqueue, finish, make_task
from tests.helpers import acting_as, eventually, in_thread

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def waiter(hub):
    waiter = hub.waiter()
    yield waiter
    waiter.close()


@pytest.fixture
def listener(waiter):
    """A waiter that has begun to listen."""
    assert isinstance(waiter, Listener)
    assert waiter.wait(5) == [LOOK]
    return waiter


class Marker:
    """What is said before the marker comes before it: so silence is known without waiting for it."""

    def __init__(self, hub, waiter):
        self.hub, self.waiter, self.number = hub, waiter, 0

    def heard(self):
        """All that the waiter has heard until now."""
        self.number += 1
        name, heard = f"marker-{self.number}", []
        self.hub.notify(Kind.CONTROL, name)
        while Wake(Kind.CONTROL, name) not in heard:
            news = self.waiter.wait(10)
            assert news, "the marker was not heard"
            heard += news
        return [wake for wake in heard if not wake.queue.startswith("marker-")]


@pytest.fixture
def marker(hub, listener):
    return Marker(hub, listener)


# -- every database ---------------------------------------------------------------------------------------------------


def test_an_interrupt_ends_a_wait_and_one_before_it_too(waiter):
    waiter.wait(0.01)
    waiting = in_thread(waiter.wait, 30)
    waiter.interrupt()
    waiting.result(10)
    waiter.interrupt()
    assert waiter.wait(30) == []


def test_a_waiter_that_hears_nothing_comes_back_in_time(waiter):
    waiter.wait(0.01)
    began = time.monotonic()
    waiter.wait(0.05)
    assert time.monotonic() - began < 5


def test_a_waiter_hears_of_work_soon(waiter, second_connection):
    """On every database, whatever it hears: something makes it look within seconds of the commit."""
    waiter.wait(0.01)
    with acting_as(second_connection):
        enqueue()
    assert eventually(lambda: waiter.wait(1), timeout=5)


# -- PostgreSQL -------------------------------------------------------------------------------------------------------

postgresql = pytest.mark.only_on("postgresql")


@postgresql
def test_an_enqueue_is_heard_when_its_transaction_commits_and_not_before(marker, second_connection):
    with transaction.atomic():
        queue.enqueue(tasks.add.using(queue_name="mail"), (1,), {})
        queue.enqueue_many(tasks.add.using(queue_name="bulk"), [((1,), {})] * 50)
        with acting_as(second_connection):
            assert marker.heard() == []
    assert sorted(marker.heard()) == [Wake(Kind.QUEUED, "bulk"), Wake(Kind.QUEUED, "mail")]


@postgresql
def test_an_enqueue_that_is_rolled_back_is_never_heard(marker):
    with pytest.raises(RuntimeError), transaction.atomic():
        queue.enqueue(tasks.add, (1,), {})
        queue.enqueue_many(tasks.add, [((1,), {})] * 5)
        raise RuntimeError
    assert marker.heard() == []


@postgresql
def test_repetitions_inside_one_transaction_are_heard_once(marker):
    with transaction.atomic():
        for _ in range(20):
            queue.enqueue(tasks.add, (1,), {})
    assert marker.heard() == [Wake(Kind.QUEUED, "default")]


@postgresql
def test_single_enqueues_in_quick_succession_are_merged_but_the_first_is_heard(marker, hub):
    began = time.monotonic()
    for _ in range(50):
        queue.enqueue(tasks.add, (1,), {})
    windows = (time.monotonic() - began) / Debounce.window
    heard = marker.heard()
    assert heard[0] == Wake(Kind.QUEUED, "default")
    assert len(heard) <= windows + 2


@postgresql
def test_each_verb_tells_those_whom_it_concerns(marker, worker):
    def after(verb):
        with transaction.atomic():  # where nothing is merged
            verb()
        return set(marker.heard())

    queued = Wake(Kind.QUEUED, "default")
    assert after(enqueue) == {queued}
    assert after(lambda: enqueue(1, tasks.add.using(countdown=60))) == {
        Wake(Kind.DUE_EARLIER, "default")
    }
    (one,) = claim(worker)
    assert after(lambda: queue.cancel(one.id)) == {Wake(Kind.CANCEL)}
    assert after(lambda: finish(worker, [ending(one, Outcome.FAILED)])) == {Wake(Kind.FINISHED)}
    assert after(lambda: queue.retry(one.id)) == {queued}
    (one,) = claim(worker)
    assert Kind.DUE_EARLIER in {
        wake.kind for wake in after(lambda: finish(worker, [ending(one, Outcome.RETRYING)]))
    }
    Task.objects.filter(state=TaskState.RETRYING).update(run_after=ago(1))
    assert after(queue.promote_due) == {queued}
    assert after(lambda: queue.cancel(one.id)) == {Wake(Kind.FINISHED)}
    make_task(expires_at=ago(1))
    assert after(queue.expire_overdue) == {Wake(Kind.FINISHED)}
    assert after(lambda: queue.pause("default")) == {Wake(Kind.CONTROL, "default")}
    assert after(lambda: queue.resume("default")) == {queued}


@postgresql
def test_what_goes_on_only_because_of_a_cancel_request_is_told_as_finished(marker, worker):
    (task_id,) = enqueue()
    (one,) = claim(worker)
    queue.cancel(task_id)
    marker.heard()
    finish(worker, [ending(one, Outcome.RETRYING)])
    assert Wake(Kind.FINISHED) in marker.heard()


@postgresql
def test_a_promoted_batch_tells_each_queue_once(marker):
    for name in ("a", "b"):
        for _ in range(30):
            make_task(TaskState.PENDING, queue=name)
    assert queue.promote_due() == 60
    assert sorted(marker.heard()) == [Wake(Kind.QUEUED, "a"), Wake(Kind.QUEUED, "b")]


@postgresql
def test_a_queue_name_may_hold_spaces_and_anything(marker):
    name = 'a b\'; NOTIFY "ü" 🐘'
    with transaction.atomic():
        enqueue(1, tasks.add.using(queue_name=name))
    assert marker.heard() == [Wake(Kind.QUEUED, name)]


@postgresql
def test_strange_words_on_the_channel_are_a_hint_to_look(hub, listener):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('taskhub', 'no such kind'), pg_notify('taskhub', '')")
    assert listener.wait(10) == [LOOK, LOOK]


@postgresql
def test_a_waiter_whose_connection_is_terminated_looks_and_hears_again(hub, listener):
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND query = 'LISTEN taskhub'"
            )
            assert cursor.fetchone() == (1,)
        assert eventually(lambda: listener.wait(5)) == [LOOK]
        while listener.wait(0.5):  # it looks until it listens again
            pass
        marker = Marker(hub, listener)
        marker.heard()
        with transaction.atomic():
            enqueue()
        assert marker.heard() == [Wake(Kind.QUEUED, "default")]


@postgresql
def test_without_notify_nothing_is_said_and_the_waiter_looks_by_itself(settings, hub, listener):
    settings.TASKHUB = {"NOTIFY": False}
    blind = hub.waiter()
    try:
        assert type(blind) is Waiter
        enqueue()
        queue.enqueue(tasks.add, (1,), {})
        assert blind.wait(5) == [LOOK]
    finally:
        blind.close()
    settings.TASKHUB = {}
    assert Marker(hub, listener).heard() == []


# -- SQLite -----------------------------------------------------------------------------------------------------------

sqlite = pytest.mark.only_on("sqlite")


@sqlite
def test_the_change_counter_sees_the_commit_of_another_connection(waiter, second_connection):
    with acting_as(second_connection):
        enqueue()
    assert waiter.wait(10) == [LOOK]
    assert waiter.wait(0.05) == []


@sqlite
def test_the_change_counter_does_not_move_before_the_commit_nor_at_a_rollback(waiter):
    with pytest.raises(RuntimeError), transaction.atomic():
        enqueue(10)
        assert waiter.wait(0.05) == []
        raise RuntimeError
    assert waiter.wait(0.05) == []
    with transaction.atomic():
        enqueue()
        assert waiter.wait(0.05) == []
    assert waiter.wait(10) == [LOOK]


@sqlite
def test_looking_at_the_change_counter_blocks_no_writer(waiter, worker):
    for _ in range(20):
        enqueue()
        assert waiter.wait(10) == [LOOK]
    assert len(claim(worker, 50)) == 20


JOURNALS = ["wal", "delete", "truncate", "persist"]


@pytest.fixture
def database(tmp_path):
    """A SQLite file of its own; its waiter is told of writes or does not hear of them."""
    wrapper = connections.create_connection("default")
    wrapper.settings_dict = {**wrapper.settings_dict, "NAME": tmp_path / "database", "OPTIONS": {}}
    stranger = sqlite3.connect(tmp_path / "database", isolation_level=None)
    stranger.execute("CREATE TABLE things (name TEXT)")
    changes = Changes("default", wrapper)
    changes.look_anyway = 600.0
    yield changes, stranger
    changes.close()
    stranger.close()


@sqlite
@pytest.mark.parametrize("journal", JOURNALS)
def test_the_kernel_tells_of_a_commit_whatever_the_journal(journal, database):
    changes, stranger = database
    (mode,) = stranger.execute(f"PRAGMA journal_mode = {journal}").fetchone()
    assert mode == journal
    for _ in range(5):
        while changes.wait(0.3):  # until it rests
            pass
        stranger.execute("INSERT INTO things VALUES ('one')")
        assert changes.wait(60) == [LOOK]


@sqlite
def test_a_commit_that_takes_long_to_count_is_not_missed(database):
    """A cache that is too small is written out long before the commit."""
    changes, stranger = database
    stranger.execute("PRAGMA journal_mode = wal")
    stranger.execute("PRAGMA cache_size = 1")
    while changes.wait(0.3):
        pass
    stranger.execute("BEGIN")
    stranger.executemany("INSERT INTO things VALUES (?)", [("a long name" * 1000,)] * 100)
    assert changes.wait(0.3) == []
    stranger.execute("COMMIT")
    assert changes.wait(60) == [LOOK]


@sqlite
def test_changes_that_follow_at_once_are_told_together(waiter, worker):
    waiter.wait(0.05)
    enqueue()
    assert waiter.wait(10) == [LOOK]
    began = time.monotonic()
    while time.monotonic() - began < Debounce.window / 2:
        enqueue()
    assert waiter.wait(10) == [LOOK]
    assert time.monotonic() - began >= Debounce.window / 2
    assert waiter.wait(0.05) == []


@sqlite
def test_who_is_told_hardly_looks_while_nothing_happens(database):
    changes, _ = database
    changes.look_anyway = Changes.look_anyway
    while changes.wait(0.3):
        pass
    looks = counted(changes)
    changes.wait(1.0)
    assert len(looks) <= 10


@sqlite
def test_a_waiter_that_finds_what_it_was_not_told_of_stops_relying_on_that(database, tmp_path):
    changes, stranger = database
    changes.look_anyway = Changes.look_anyway
    elsewhere = tmp_path / "elsewhere" / "database"
    elsewhere.parent.mkdir()
    changes._watch.close()
    changes._watch = FileWatch(elsewhere)  # the kernel says nothing of the database
    stranger.execute("INSERT INTO things VALUES ('one')")
    assert changes.wait(10) == [LOOK]
    stranger.execute("INSERT INTO things VALUES ('two')")
    assert changes.wait(10) == [LOOK]
    assert changes._watch is None


@sqlite
def test_files_that_come_and_go_are_watched(tmp_path):
    path, journal = tmp_path / "database", tmp_path / "database-journal"
    watch = FileWatch(path)
    try:
        for file in (path, journal, path, journal):
            file.write_text("made")
            assert watch.was_touched()
            file.write_text("changed")
            assert watch.was_touched()
            file.unlink()
            assert watch.was_touched()
            (tmp_path / "another").write_text("of no interest")
            assert not watch.was_touched()
    finally:
        watch.close()


def counted(waiter):
    """The pauses between a waiter's looks from now on."""
    pauses = []
    sleep = waiter.sleep
    waiter.sleep = lambda seconds, *also: pauses.append(seconds) or sleep(seconds, *also)
    return pauses


@sqlite
def test_who_is_not_told_looks_at_most_fifty_times_a_second(database):
    waiter, _ = database
    waiter._watch.close()
    waiter._watch = None
    waiter.look_often()
    looks = counted(waiter)
    waiter.wait(0.5)
    assert sum(pause < 0.0199 for pause in looks) <= 6
    assert len(looks) <= 32


# -- MySQL ------------------------------------------------------------------------------------------------------------

mysql = pytest.mark.only_on("mysql")


@mysql
def test_a_waiter_that_cannot_be_told_looks_often_at_first_and_then_more_rarely(waiter, settings):
    began = time.monotonic()
    assert waiter.wait(10) == [LOOK]
    assert time.monotonic() - began < 1
    pauses = []
    waiter.sleep = lambda seconds, *also: pauses.append(seconds)
    for _ in range(30):
        assert waiter.wait(60) == [LOOK]
    assert pauses == sorted(pauses)
    assert pauses[-1] == waiter.longest <= 1
    waiter.look_often()
    waiter.wait(60)
    assert pauses[-1] == waiter.shortest


def test_the_mark_of_changes_moves_with_every_commit_of_others_and_with_nothing_else(
    hub, engine, second_connection
):
    if engine == "mysql":
        assert hub.change_mark() is None
        return
    before = hub.change_mark()
    assert list(Task.objects.all()) == []
    if (
        engine == "sqlite"
    ):  # PostgreSQL's may move by itself: other databases of the server write, too
        assert hub.change_mark() == before
    with acting_as(second_connection):
        make_task()
    after = hub.change_mark()
    assert after != before
    with acting_as(second_connection):
        Task.objects.update(reason="changed")
    assert hub.change_mark() != after
