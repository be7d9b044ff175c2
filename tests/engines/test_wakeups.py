"""Wake-ups: a hint that comes with the commit; each database in its own way."""

import time

import pytest
from django.db import connection, transaction

from taskhub import queue
from taskhub.engines.listener import Listener
from taskhub.engines.wakeups import LOOK, Debounce, Kind, Waiter, Wake
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


@sqlite
def test_an_idle_waiter_looks_at_most_fifty_times_a_second(waiter):
    looks = []
    sleep = waiter.sleep
    waiter.sleep = lambda seconds, *also: looks.append(seconds) or sleep(seconds, *also)
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
