"""Impatient transactions: what the worker writes in passing waits for nobody's lock."""

import pytest
from django.db import connection, connections, transaction
from django.db.utils import Error

from taskhub.engines import get_engine
from taskhub.models import Progress
from tests.engines.builders import ago, make_task
from tests.helpers import acting_as

pytestmark = pytest.mark.django_db(transaction=True)

WAIT = {
    "sqlite": "PRAGMA busy_timeout",
    "postgresql": "SHOW lock_timeout",
    "mysql": "SELECT @@session.innodb_lock_wait_timeout",
}


def wait_of_the_session():
    with connection.cursor() as cursor:
        cursor.execute(WAIT[connection.vendor])
        return cursor.fetchone()[0]


def report(task, fraction):
    Progress.objects.update_or_create(
        task=task, defaults={"fraction": fraction, "updated_at": ago(0)}
    )


def test_a_lock_that_somebody_holds_ends_it_with_a_conflict_and_nothing_written(second_connection):
    engine, usual = get_engine(), connections["default"]
    task, other = make_task(), make_task()
    report(task, 0.1)
    with acting_as(second_connection), transaction.atomic():
        Progress.objects.filter(task=task).update(fraction=0.2)
        with acting_as(usual), pytest.raises(Error) as caught, engine.impatient(0.02):
            report(other, 0.5)
            Progress.objects.filter(task=task).update(fraction=0.9)
    assert engine.is_conflict(caught.value)
    assert list(Progress.objects.values_list("task_id", "fraction")) == [(task.pk, 0.2)]


def test_afterwards_the_session_is_as_patient_as_before():
    before = wait_of_the_session()
    with get_engine().impatient(0.02):
        assert wait_of_the_session() != before
    assert wait_of_the_session() == before
    with pytest.raises(KeyError), get_engine().impatient(0.02):
        raise KeyError
    assert wait_of_the_session() == before
