"""Each chart has its numbers beside its drawing, for the script that draws them anew; the table says them in words."""

import json
import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from dashboard import waits
from dashboard.charts import throughput, times
from taskhub.metrics import Point
from taskhub.models import OldestWait, Outcome
from tests.dashboard.builders import ago, make_task

AT = timezone.now().replace(second=0, microsecond=0)


def points(*measured: dict) -> list[Point]:
    first = AT - timedelta(minutes=len(measured))
    return [Point(first + timedelta(minutes=n), **one) for n, one in enumerate(measured)]


def test_the_parts_of_the_piles_are_in_the_order_of_the_columns_of_the_table():
    good = {Outcome.SUCCEEDED: 7, Outcome.FAILED: 2, Outcome.LOST: 1}
    chart = throughput(points({"counts": good}, {}))
    numbers = chart.numbers
    assert [trace["name"].capitalize() for trace in numbers["traces"]] == chart.columns
    assert [trace["values"] for trace in numbers["traces"]] == [[2, 0], [1, 0], [0, 0], [7, 0]]
    assert (numbers["start"], numbers["step"], numbers["count"]) == (
        (AT - timedelta(minutes=2)).timestamp(),
        60,
        2,
    )
    assert (numbers["marks"][0], numbers["marks"][-1]) == (0, 12)
    assert numbers["words"] == ["0", "3", "6", "9", "12"]


def test_times_stay_within_their_axis_and_an_objective_goes_all_along_it():
    measured = {"wait_p50": 0.0003, "wait_p95": 2.5}
    chart = times(points(measured, {}), "wait", 5.0, oldest=[None, 3_000_000.0])
    oldest, p95, p50, goal = chart.numbers["traces"]
    assert (oldest["values"], p95["values"], p50["values"]) == (
        [None, 1e6],
        [2.5, None],
        [0.01, None],
    )
    assert (goal["name"], goal["values"]) == ("objective", [5.0, 5.0])
    assert chart.columns == ["Oldest waiting", "p95", "p50"]
    assert chart.rows[0][1] == ["34 days", "–", "–"]
    assert chart.rows[1][1] == ["–", "2.5 s", "<1 ms"]
    assert not times(points({}, {}), "run", 5.0).numbers["traces"][0]["values"][0]


def test_what_waits_is_drawn_although_nothing_has_ended():
    assert times(points({}, {}), "wait", 5.0, oldest=[None, None]).is_empty
    chart = times(points({}, {}), "wait", 5.0, oldest=[40.0, 100.0])
    assert not chart.is_empty
    assert chart.label.startswith(
        "Wait before start over the last hour: oldest waiting 40 s, p95 –"
    )
    assert chart.lines[0].path.startswith("M")


@pytest.mark.django_db
def test_the_oldest_wait_is_what_a_worker_saw_or_what_the_task_shows_that_waits_now():
    now = AT + timedelta(seconds=30)
    for minutes, queue, seconds in ((5, "mail", 90.0), (5, "other", 70.0), (1, "mail", 10.0)):
        OldestWait.objects.create(
            start_at=AT - timedelta(minutes=minutes), queue=queue, seconds=seconds
        )
    assert waits.oldest(now, None)[-6:] == [90.0, None, None, None, 10.0, None]
    assert waits.oldest(now, None, "other")[-6:] == [70.0, None, None, None, None, None]
    since = AT - timedelta(seconds=140)
    assert waits.oldest(now, since)[-6:] == [90.0, None, 20.0, 80.0, 140.0, 170.0]
    assert len(waits.oldest(now, since)) == 60


@pytest.mark.django_db
def test_the_pages_hold_them_as_data_that_cannot_end_its_element(operator):
    make_task(queue="</script>", enqueued_at=ago(400))
    for url in (reverse("dashboard:overview"), reverse("dashboard:queue", args=["</script>"])):
        response = operator.get(url)
        (found,) = re.findall(
            r'<script type="application/json">(.*?)</script>', response.content.decode()
        )
        assert json.loads(found) == json.loads(json.dumps(response.context["waits"].numbers))
        assert response.context["waits"].numbers["traces"][0]["values"][-1] == pytest.approx(
            400, abs=20
        )
