"""Signs of life: whose row says that it lives."""

import pytest
from django.utils import timezone

from taskhub.models import Worker
from tests.engines.builders import make_worker
from workers import registration
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
