"""Events: each attempt that ended is given once, whatever order transactions commit in."""

from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.utils import timezone

from taskhub.events import OVERLAP, Events
from taskhub.models import Result
from tests.engines.builders import claim, ending, enqueue, finish
from tests.helpers import acting_as

pytestmark = pytest.mark.django_db


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def end(worker, count=1, **more):
    """Let so many attempts end; return the ids of their tasks."""
    ids = enqueue(count)
    finish(worker, [ending(one, **more) for one in claim(worker, count)])
    return ids


def given(feed):
    return [event.task_id for event in feed.poll()]


def test_each_attempt_is_given_once_from_now_on(worker):
    end(worker)
    feed = Events()
    assert given(feed) == []
    ids = end(worker, 3)
    assert given(feed) == ids
    assert given(feed) == []
    ids = end(worker)
    assert given(feed) == ids


def test_since_a_moment_gives_what_ended_after_it(worker):
    now = timezone.now()
    for minutes in range(30, 0, -1):
        end(worker, 2, finished_at=now - timedelta(minutes=minutes))
    ids = list(Result.objects.order_by("id").values_list("task_id", flat=True))
    for minutes in (40, 30, 29.5, 15.5, 1.5, 0.5):
        feed = Events(now - timedelta(minutes=minutes))
        expected = ids[60 - 2 * min(30, int(minutes)) :] if minutes >= 1 else []
        assert given(feed) == expected, minutes
    assert given(Events(now - timedelta(minutes=20.5))) == ids[20:]


def test_what_is_recorded_long_after_it_ended_is_news(worker):
    """Its worker could not reach the database; the feed has been read meanwhile."""
    feed = Events(timezone.now() - timedelta(seconds=60))
    assert given(feed) == []
    ids = end(worker, finished_at=timezone.now() - timedelta(seconds=180))
    assert given(feed) == ids


@pytest.mark.django_db(transaction=True)
@pytest.mark.only_on("postgresql", "mysql")
def test_none_is_missed_when_transactions_commit_in_the_other_order(
    worker, rival, second_connection
):
    clock = Clock()
    feed, usual = Events(clock=clock), connections["default"]
    late, early = enqueue(2)
    (first,), (second,) = claim(worker), claim(rival)
    with acting_as(second_connection), transaction.atomic():
        finish(worker, [ending(first)])  # takes the lower id, and does not commit yet
        with acting_as(usual):
            finish(rival, [ending(second)])
            assert given(feed) == [early]
            clock.now += OVERLAP - 1
            assert given(feed) == []
    assert given(feed) == [late]
    assert list(Result.objects.order_by("id").values_list("task_id", flat=True)) == [late, early]


def test_what_is_kept_in_memory_is_bounded_by_the_overlap(worker):
    clock = Clock()
    feed = Events(clock=clock)
    for _ in range(10):
        ids = end(worker, 5)
        assert given(feed) == ids
        clock.now += OVERLAP / 4
    assert len(feed._given) <= 30
    clock.now += 2 * OVERLAP
    feed.poll()
    clock.now += 2 * OVERLAP
    feed.poll()
    assert (len(feed._given), feed._floor) == (0, Result.objects.order_by("-id").first().pk)
