"""Lists of a million rows in the admin.

`python -m tests.run --engine postgresql tests/benchmarks/bench_admin.py -s`
"""

import time

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("postgresql")]

ROWS = 1_000_000
FILL = f"""
INSERT INTO taskhub_task (name, queue, priority, state, waits_for, args, kwargs, pool, enqueued_at, started_at,
    finished_at, attempt, max_retries, failures, losses, interruptions, claim_no, reason, position, unmet)
SELECT 'mail.send', 'mail', 0, 'succeeded', '', '[]', '{{}}', '', now(), now(), now(), 1, 3, 0, 0, 0, 1, '', 0, 0
FROM generate_series(1, {ROWS});
INSERT INTO taskhub_result (task_id, claim_no, attempt, outcome, error_class, message, traceback, fingerprint,
    worker_name, started_at, finished_at)
SELECT id, 1, 1, 'succeeded', '', '', '', '', 'w1/1', now(), now() FROM taskhub_task;
"""


def test_lists_of_a_million(capsys):
    with connection.cursor() as cursor:
        cursor.execute(FILL)
        cursor.execute("SELECT max(id) FROM taskhub_task")
        last = cursor.fetchone()[0]
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("anna"))
    pages = {
        "first page": "",
        "last page": "?p=10",
        "by id": f"?q={last - ROWS // 2}",
        "a row": f"{last}/change/",
    }
    with capsys.disabled():
        print(f"\n{ROWS} rows each, milliseconds:")
        for model in ("task", "result"):
            for what, query in pages.items():
                url = f"/admin/taskhub/{model}/{query}"
                best = min(timed(client, url) for _ in range(3))
                print(f"  {model:7} {what:11} {best * 1000:7.0f}")


def timed(client: Client, url: str) -> float:
    began = time.perf_counter()
    assert client.get(url).status_code == 200, url
    return time.perf_counter() - began
