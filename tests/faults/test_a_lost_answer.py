"""A connection is lost, and perhaps the answer to a claim with it: the child asks the record, and goes on at once."""

import pytest
from django.db import connection, transaction

from taskhub.engines import get_engine
from taskhub.models import Result, Task, Worker
from tests.app import tasks, tasks_pools
from tests.helpers import eventually

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.only_on("postgresql", "mysql"),
]

SESSIONS = {
    "postgresql": (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        "SELECT pg_terminate_backend(%s)",
    ),
    "mysql": (
        "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()",
        "KILL CONNECTION %s",
    ),
}


def cut_sessions():
    """End all sessions of the test's database but our own."""
    ask, end = SESSIONS[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(ask)
        for (session,) in cursor.fetchall():
            cursor.execute(end, [session])


@pytest.fixture
def busy_pool(run_worker, tmp_path):
    """A pool of threads in which one task runs until the test has ended."""
    run_worker("--threads", 2)
    begun = tmp_path / "begun"
    running = tasks_pools.wait_for.enqueue(str(begun), str(tmp_path / "go"))
    eventually(begun.exists, timeout=30)
    yield Worker.objects.get(kind="threads")
    running.refresh()
    assert running.state == "running", "it was never interrupted"
    (tmp_path / "go").touch()
    assert running.get(timeout=30) == 1


def test_a_pool_goes_on_claiming_after_a_lost_connection_while_a_task_runs(busy_pool):
    cut_sessions()
    results = tasks.add.enqueue_many([((number,), {}) for number in range(40)])
    assert [result.get(timeout=15) for result in results] == list(range(40))


def test_a_claim_whose_answer_was_lost_goes_back_while_a_task_runs(busy_pool):
    with transaction.atomic():  # as if the child had claimed it and had not been told
        lost = tasks.add.enqueue(1)
        (claim,) = get_engine().claim(busy_pool.pk, [("default", 1)])
    assert claim.id == int(lost.id)
    cut_sessions()
    assert lost.get(timeout=15) == 1
    row = Task.objects.get(id=claim.id)
    assert (row.claim_no, row.attempt, row.losses) == (2, 1, 0)
    assert Result.objects.filter(task_id=claim.id).count() == 1
