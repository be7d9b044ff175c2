"""PostgreSQL keeps the plans of inserts, and of claims that come after a rest, where that is safe; nobody notices."""

from collections.abc import Iterator

import pytest
from django.db import connection, connections, transaction
from django.db.utils import OperationalError
from django.test.utils import CaptureQueriesContext

from taskhub import queue
from taskhub.engines import get_engine
from taskhub.errors import EnqueueFailed
from taskhub.models import Task
from tests.app import tasks
from tests.engines.pooler import Pooler
from tests.helpers import acting_as

WORKER = 1

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("postgresql")]


def prepared(what="INSERT INTO taskhub_task"):
    """How many statements this session has prepared that insert, or do something else with, a task."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s", [f"%{what}%"]
        )
        return cursor.fetchone()[0]


def prepared_claims():
    return prepared("UPDATE taskhub_task SET state = 'running'")


def claim(count=10):
    return [claim.id for claim in get_engine().claim(WORKER, [("default", count)])]


def enqueue(count):
    return [queue.enqueue(tasks.add, (number,), {})[0] for number in range(count)]


@pytest.fixture(autouse=True)
def session(second_connection) -> Iterator[None]:
    """A new session, which has prepared nothing yet."""
    with acting_as(second_connection):
        yield


@pytest.fixture
def pooled(transactional_db):
    """Act through a connection that goes through a pooler."""
    usual = connections["default"]
    server = usual.get_connection_params()
    pooler = Pooler(server["host"], int(server["port"]))
    through = connections.create_connection("default")
    through.settings_dict = {**usual.settings_dict, "HOST": "127.0.0.1", "PORT": pooler.port}
    with acting_as(through):
        yield
    through.close()
    pooler.close()


def test_a_session_that_enqueues_again_and_again_prepares_the_insert():
    ids = enqueue(3)
    assert prepared() == 0
    ids += enqueue(30)
    assert prepared() > 0
    stored = Task.objects.order_by("id").values_list("id", flat=True)
    assert list(stored) == ids


def test_nothing_is_prepared_inside_a_transaction():
    with transaction.atomic():
        enqueue(30)
        assert prepared() == 0


def test_nothing_is_prepared_behind_a_pooler(pooled):
    ids = enqueue(30)
    assert prepared() == 0
    assert list(Task.objects.order_by("id").values_list("id", flat=True)) == ids


def test_a_session_that_was_reset_goes_on_enqueueing():
    ids = enqueue(30)
    with connection.cursor() as cursor:
        cursor.execute("DISCARD ALL")
    ids += enqueue(30)
    assert list(Task.objects.order_by("id").values_list("id", flat=True)) == ids
    assert prepared() == 0


def test_a_prepared_insert_survives_a_change_of_the_table():
    ids = enqueue(30)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE taskhub_task ADD COLUMN newer integer NOT NULL DEFAULT 7")
        try:
            ids += enqueue(30)
        finally:
            cursor.execute("ALTER TABLE taskhub_task DROP COLUMN newer")
    ids += enqueue(30)
    assert list(Task.objects.order_by("id").values_list("id", flat=True)) == ids


def test_who_watches_the_statements_sees_the_insert():
    enqueue(30)
    with CaptureQueriesContext(connection) as captured:
        enqueue(1)
    assert ["INSERT INTO taskhub_task" in query["sql"] for query in captured.captured_queries] == [
        True
    ]


def test_a_lost_connection_is_not_the_callers_last():
    enqueue(30)
    connection.close()
    ids = enqueue(30)
    assert Task.objects.filter(id__in=ids).count() == 30


@pytest.mark.parametrize("act, error", [(enqueue, EnqueueFailed), (claim, OperationalError)])
@pytest.mark.parametrize("before", range(8))
def test_a_session_that_is_cut_at_any_moment_is_told_as_django_tells_it(act, error, before):
    for _ in range(before + 1):
        act(1)
    killer = connections.create_connection("default")
    with killer.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid]
        )
    killer.close()
    with pytest.raises(error):
        act(1)
    connection.close()
    act(1)


def test_a_session_that_claims_after_a_rest_again_and_again_prepares_the_claim():
    for _ in range(8):
        assert claim() == []
    assert prepared_claims() == 0
    for _ in range(8):
        ids = enqueue(2)
        assert claim() == ids
    assert prepared_claims() == 1


def test_nothing_is_prepared_for_claims_that_follow_each_other_in_a_backlog():
    enqueue(100)
    for _ in range(30):
        assert len(claim(3)) == 3
    assert prepared_claims() == 0


def test_a_prepared_claim_survives_another_type_of_a_column():
    for _ in range(20):
        claim()
    assert prepared_claims() == 1
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE taskhub_task ALTER COLUMN name TYPE text")
        try:
            ids = enqueue(2)
            assert claim() == ids
        finally:
            cursor.execute("ALTER TABLE taskhub_task ALTER COLUMN name TYPE varchar(200)")
    ids = enqueue(2)
    assert claim() == ids
