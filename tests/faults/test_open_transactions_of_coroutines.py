"""Coroutines share a thread for their queries: a transaction that one of them leaves open harms none of the others."""

import pytest
from django.db import connection

from tests.app import tasks_pools
from tests.app.models import Ledger
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)

WAYS = ["leave_atomic_open", "swallow_an_error_inside_atomic", "begin_behind_djangos_back"]
WAYS += ["turn_autocommit_off"]


def notes():
    return set(Ledger.objects.values_list("note", flat=True)) - {"in vain"}


@pytest.mark.parametrize("way", WAYS)
def test_what_a_coroutine_leaves_open_is_rolled_back_and_harms_nobody_after_it(way, run_worker):
    run_worker("--async", 3)
    for number in range(3):
        assert tasks_pools.leave_a_transaction_open.enqueue(way).wait(30)
        tasks_pools.write_async.enqueue(f"after {number}").get(timeout=30)
    assert notes() == {"after 0", "after 1", "after 2"}
    assert not Ledger.objects.filter(note="in vain").exists()


@pytest.mark.only_on("postgresql", "mysql")  # SQLite has one writer
def test_what_a_coroutine_leaves_open_harms_nobody_beside_it(run_worker, tmp_path):
    run_worker("--async", 3)
    begun, go_on = tmp_path / "begun", tmp_path / "go on"
    open_one = tasks_pools.leave_a_transaction_open
    left = open_one.enqueue("leave_atomic_open", str(begun), str(go_on))
    eventually(begun.exists, timeout=30)
    for number in range(5):
        tasks_pools.write_async.enqueue(f"beside {number}").get(timeout=30)
    assert len(notes()) == 5
    go_on.touch()
    assert left.wait(30)
    assert len(notes()) == 5


@pytest.mark.only_on("postgresql", "mysql")
def test_coroutines_may_hold_transactions_side_by_side_and_leave_no_connections(run_worker):
    run_worker("--async", 10)
    results = tasks_pools.hold_a_transaction.enqueue_many([((f"n{n}",), {}) for n in range(30)])
    assert [result.get(timeout=30) for result in results] == [5] * 30
    ask = {
        "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()",
        "mysql": "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE()",
    }

    def are_few():
        with connection.cursor() as cursor:
            cursor.execute(ask[connection.vendor])
            count = cursor.fetchone()[0]
        assert count <= 7, "ours, the child's two, and what maintenance has"
        return True

    eventually(are_few, timeout=20)
