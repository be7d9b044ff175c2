"""A process that is stopped inside a transaction holds its locks no longer than others can wait for them."""

import threading
import time

import pytest
from django.db import connection, transaction
from django.db.utils import Error

from taskhub.engines import get_engine
from taskhub.models import Task
from tests.engines.builders import make_task
from tests.helpers import in_thread

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("postgresql", "mysql")]


def test_the_server_ends_a_transaction_that_stands_still():
    task, has_locked = make_task(), threading.Event()

    def stand_still():
        get_engine().limit_waits(locks=0.5)
        try:
            with transaction.atomic():
                Task.objects.select_for_update().get(pk=task.pk)
                has_locked.set()
                time.sleep(4)
                Task.objects.filter(pk=task.pk).update(priority=1)
        except Error as error:
            return get_engine().is_transient(error)
        finally:
            connection.close()
        return False

    stopped = in_thread(stand_still)
    assert has_locked.wait(20)
    began = time.monotonic()
    with transaction.atomic():
        Task.objects.select_for_update().get(pk=task.pk)
    assert time.monotonic() - began < 3
    assert stopped.result(20), "what it gets is an error that lets it try again"
    assert Task.objects.get(pk=task.pk).priority == 0
