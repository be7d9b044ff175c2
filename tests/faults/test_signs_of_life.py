"""Signs of life: whose row says that it lives."""

from threading import Lock

import pytest
from django.utils import timezone

from taskhub.models import Task, Worker
from taskhub.models.worker import WorkerKind
from taskhub.queue.announce import tasks_ended
from taskhub.states import TaskState
from tests.app import tasks
from tests.engines.builders import make_task, make_worker
from workers import registration
from workers.board import Board, ChildState
from workers.burial import bury
from workers.statistics import Statistics

pytestmark = pytest.mark.django_db


def test_a_heartbeat_does_not_revive_who_has_signed_off():
    gone, alive = make_worker(), make_worker()
    registration.stopped(gone.pk)
    registration.heartbeat({gone.pk: Statistics(), alive.pk: Statistics()})
    assert list(Worker.objects.filter(stopped_at__isnull=True)) == [alive]


def test_a_heartbeat_brings_back_who_was_declared_lost_too_early():
    worker = make_worker(stopped_at=timezone.now(), is_lost=True)
    registration.heartbeat({worker.pk: Statistics(processed=7)})
    worker.refresh_from_db()
    assert (worker.stopped_at, worker.is_lost, worker.processed) == (None, False, 7)


@pytest.mark.django_db(transaction=True)
def test_a_heartbeat_that_was_under_way_does_not_revive_a_child_that_is_buried():
    row = make_worker(parent=make_worker())
    make_task(TaskState.RUNNING, row, name=tasks.kill_its_process_once_and_for_all.identifier)
    (child,) = Board([(WorkerKind.EXECUTOR, 1)]).children
    child.state, child.worker_id, child.exit_code, child.processed = ChildState.DEAD, row.pk, -9, 7

    def beat(ids, **kwargs):
        """Write what was read of the board before the child died."""
        row.refresh_from_db()
        assert row.is_lost
        registration.heartbeat({row.pk: Statistics(processed=6)})

    tasks_ended.connect(beat)
    try:
        child.slots[0].begin(Task.objects.get().pk, 1, 0)
        bury(child, lambda claim, ending: None, Lock())
    finally:
        tasks_ended.disconnect(beat)
    row.refresh_from_db()
    assert (row.processed, row.failed, row.is_lost) == (8, 1, True)
    assert row.stopped_at is not None
