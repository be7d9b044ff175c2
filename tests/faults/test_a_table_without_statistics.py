"""Right after migrate PostgreSQL knows nothing about the table; claims walk their index all the same."""

import logging

import pytest
from django.db import connection

from tests.app import tasks
from tests.faults.record import assert_each_succeeded_once
from tests.helpers import eventually

logger = logging.getLogger(__name__)  # the figures: --log-cli-level=INFO
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("postgresql")]

TASKS = 5000


def test_a_never_analyzed_table_is_drained_by_its_indexes(own_server, processes):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE taskhub_task SET (autovacuum_enabled = off)")
    assert figures()["reltuples"] == -1, "never analyzed"
    tasks.add.enqueue_many([((n,), {}) for n in range(TASKS)])
    worker = processes.manage("runworker", "--drain", "--processes", "1", env=own_server.env)
    assert worker.wait(120) == 0, worker.output
    assert_each_succeeded_once(TASKS)
    eventually(lambda: figures()["n_tup_upd"] >= 2 * TASKS, timeout=60)
    found = figures()
    logger.info("%s", found)
    assert found["last_analyze"] is None
    assert found["last_autoanalyze"] is None
    assert found["seq_tup_read"] < 10 * TASKS, found
    assert found["idx_tup_fetch"] < 10 * TASKS, found


def figures():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT stat.*, reltuples FROM pg_stat_user_tables AS stat "
            "JOIN pg_class ON pg_class.oid = relid WHERE stat.relname = 'taskhub_task'"
        )
        names = [column.name for column in cursor.description]
        return dict(zip(names, cursor.fetchone(), strict=True))
