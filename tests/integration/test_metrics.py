"""Metrics of real runs: what executors, pools and rescuers have counted is in the table when the worker has stopped."""

from datetime import timedelta

import pytest
from django.utils import timezone

from taskhub import metrics
from taskhub.models import Result
from tests.app import tasks

pytestmark = pytest.mark.django_db(transaction=True)


def counted():
    totals: dict[str, int] = {}
    for point in metrics.series(timezone.now() - timedelta(hours=1)):
        for outcome, count in point.counts.items():
            totals[outcome] = totals.get(outcome, 0) + count
    return totals


def test_every_recorded_attempt_is_counted_once(drain):
    tasks.add.enqueue_many([((number,), {}) for number in range(40)])
    tasks.fail.enqueue()
    tasks.cancel_itself.enqueue()
    drain()
    tasks.stay_whatever_comes.enqueue()  # its child is killed, and maintenance records and counts it
    drain()
    recorded: dict[str, int] = {}
    for outcome in Result.objects.values_list("outcome", flat=True):
        recorded[outcome] = recorded.get(outcome, 0) + 1
    assert recorded["succeeded"] == 40
    assert counted() == recorded
