"""How long the oldest task had waited is seen once a minute, by one worker, and costs the others next to nothing."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from taskhub import monitor
from taskhub.engines import get_engine
from taskhub.metrics import Lookout, oldest_waits, roll_up, series
from taskhub.models import OldestWait
from taskhub.states import TaskState
from tests.engines.builders import ago, make_task
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)

DAY = 86_400


@pytest.fixture
def _inside_a_minute() -> None:
    """Leave the test some seconds before the next minute begins."""
    eventually(lambda: timezone.now().second < 55)


def look(lookout: Lookout | None = None) -> None:
    (lookout or Lookout()).look(get_engine().queued_names())


def seen() -> dict[str, float]:
    return dict(OldestWait.objects.values_list("queue", "seconds"))


def make_seen(minutes_ago: int, seconds: float, queue: str = "mail") -> None:
    at = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=minutes_ago)
    OldestWait.objects.create(start_at=at, queue=queue, seconds=seconds)


def test_the_oldest_of_each_queue_is_seen_behind_those_of_a_higher_priority():
    make_task(queue="mail", priority=9, enqueued_at=ago(5))
    make_task(queue="mail", priority=-2, enqueued_at=ago(500))
    make_task(queue="Mail", enqueued_at=ago(40))
    make_task(TaskState.RUNNING, queue="mail", enqueued_at=ago(5000))
    look()
    assert {name: round(seconds, -1) for name, seconds in seen().items()} == {
        "mail": 500,
        "Mail": 40,
    }


def test_a_task_that_had_to_wait_for_its_time_waits_from_then_on():
    make_task(queue="mail", enqueued_at=ago(5000), run_after=ago(100))
    look()
    assert seen()["mail"] == pytest.approx(100, abs=5)
    for most in (None, 10_000):
        (stats,) = (one for one in monitor.queue_stats(most=most) if one.name == "mail")
        waits = (timezone.now() - stats.oldest_queued_at).total_seconds()
        assert waits == pytest.approx(100, abs=5)


@pytest.mark.usefixtures("_inside_a_minute")
def test_the_first_worker_of_a_minute_looks_and_the_others_leave_it_at_that():
    make_task(queue="mail", enqueued_at=ago(10))
    first, second = Lookout(), Lookout()
    look(first)
    make_task(queue="other", enqueued_at=ago(500))
    look(second)
    assert set(seen()) == {"mail"}
    with CaptureQueriesContext(connection) as queries:
        first.look(["mail", "other"])
        second.look(["mail", "other"])
    assert not queries.captured_queries


def test_where_nothing_is_queued_it_asks_nothing():
    with CaptureQueriesContext(connection) as queries:
        Lookout().look([])
    assert not queries.captured_queries


@pytest.mark.usefixtures("_inside_a_minute")
def test_what_was_seen_stands_beside_the_points_of_the_series():
    make_seen(3, 40.0)
    make_seen(3, 70.0, "reports")
    make_seen(1, 5.0)
    since = ago(240)
    assert len(series(since)) == 5
    assert oldest_waits(since) == [None, 70.0, None, 5.0, None]
    assert oldest_waits(since, queue="mail") == [None, 40.0, None, 5.0, None]


@pytest.mark.parametrize(("term", "left"), [(2 * DAY, [60, 1]), (None, [3000, 60, 1])])
def test_it_is_kept_as_long_as_the_minutes(settings, term, left):
    settings.TASKHUB = {"KEEP_METRICS": {"minutes": term}}
    for minutes in (3000, 60, 1):
        make_seen(minutes, float(minutes))
    while roll_up(limit=1):
        pass
    assert list(OldestWait.objects.order_by("start_at").values_list("seconds", flat=True)) == left
