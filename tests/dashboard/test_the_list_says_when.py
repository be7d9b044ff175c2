"""Over a list of tasks stands when what it shows ended, where the metrics can tell."""

import itertools
import re
from datetime import timedelta

import pytest
from django.urls import reverse

from dashboard.charts.chart import WIDTH
from dashboard.filters import Filters
from dashboard.when import when
from taskhub.engines import get_engine
from taskhub.engines.deadline import TooSlow
from taskhub.metrics import counts
from taskhub.models import MetricBucket, Outcome
from tests.dashboard.builders import make_task

pytestmark = pytest.mark.django_db


def counted(minutes_ago, count, outcome=Outcome.SUCCEEDED, queue="mail", name="mail.send"):
    start = (get_engine().now() - timedelta(minutes=minutes_ago)).replace(second=0, microsecond=0)
    MetricBucket.objects.create(
        seconds=60, start_at=start, queue=queue, name=name, outcome=outcome, count=count, writer=7
    )


@pytest.fixture
def an_hour():
    counted(5, 3)
    counted(5, 2, Outcome.FAILED)
    counted(30, 4, queue="import", name="rows.load")
    counted(150, 7)


@pytest.mark.parametrize(
    "narrowed, said",
    [
        ({}, "7 succeeded, 2 failed"),
        ({"queue": "mail"}, "3 succeeded, 2 failed"),
        ({"task": "rows.load"}, "4 succeeded"),
        ({"state": "failed"}, "2 failed"),
        ({"since": "10m"}, "3 succeeded, 2 failed"),
        ({"since": "3h"}, "14 succeeded, 2 failed"),
    ],
)
def test_what_the_metrics_tell_apart_is_drawn(an_hour, narrowed, said):
    drawn = when(Filters.of(narrowed), get_engine().now())
    assert drawn.label.endswith(f": {said}")
    assert ", ".join(f"{n} {state}" for state, n in drawn.totals) == said
    assert len(drawn.marks) in (5, 6)
    assert drawn.bars


@pytest.mark.parametrize(
    ("since", "apart"),
    [("1m", 60), ("10m", 120), ("20m", 300), ("13m", 13 * 60), ("2h", 1800), ("1d", 6 * 3600)],
)
def test_the_times_below_it_lie_evenly_and_none_stands_there_twice(an_hour, since, apart):
    counted(0, 1)
    marks = when(Filters.of({"since": since}), get_engine().now()).marks
    steps = {(later - mark).total_seconds() for mark, later in itertools.pairwise(marks)}
    assert steps == {apart}


def test_a_list_of_what_has_not_ended_says_nothing_of_attempts_that_have(an_hour):
    counted(5, 3, Outcome.RETRYING)
    for state in ("retrying", "queued", "running"):
        assert when(Filters.of({"state": state}), get_engine().now()) is None


@pytest.mark.parametrize(
    "narrowed",
    [
        {"tag": "x"},
        {"task": "mail.*"},
        {"state": "queued"},
        {"args.user_id": "42"},
        {"since": "gestern"},
        {"queue": "nobody's"},
        {"since": "2999-01-01"},
    ],
)
def test_what_only_a_look_at_every_task_could_tell_is_left_out(an_hour, narrowed):
    assert when(Filters.of(narrowed), get_engine().now()) is None


@pytest.mark.parametrize("since", ["2h", "3h", "1d", "30d", "60d", "9999d"])
def test_there_are_never_more_bars_than_can_be_seen(an_hour, since):
    drawn = when(Filters.of({"since": since}), get_engine().now())
    width = float(re.search(r"h([\d.]+)", drawn.bars[0].path)[1])
    assert 30 <= WIDTH / width <= 140, "a bar and the gap beside it"


def test_spans_of_an_hour_hold_what_is_kept_for_hours_and_what_is_not_handed_over_yet(an_hour):
    now = get_engine().now()
    start = (now - timedelta(hours=5)).replace(minute=0, second=0, microsecond=0)
    MetricBucket.objects.create(
        seconds=3600, start_at=start, queue="mail", name="mail.send", outcome="succeeded", count=9
    )
    found = counts(now - timedelta(hours=6), now, 3600)
    assert dict(found)[start] == {"succeeded": 9}
    assert sum(sum(ended.values()) for _, ended in found) == 9 + 16


def test_the_page_has_the_strip_and_can_do_without(an_hour, admin_client):
    make_task(queue="mail", tags=["x"])
    url = reverse("dashboard:tasks")
    text = admin_client.get(url).content.decode()
    assert 'class="panel when"' in text
    assert "failed <b>2</b>" in text
    assert 'class="panel when"' not in admin_client.get(f"{url}?tag=x").content.decode()


def test_the_strip_and_the_facets_stay_fresh_while_the_list_is_open(an_hour, admin_client):
    make_task("failed", queue="mail")
    url, live = reverse("dashboard:tasks"), reverse("dashboard:live")
    regions = admin_client.get(live, {"page": f"{url}?queue=mail"}).json()["regions"]
    assert set(regions) == {"facets", "when"}
    assert "failed <b>2</b>" in regions["when"]
    assert '<span class="n">1</span>' in regions["facets"]
    counted(3, 5, Outcome.FAILED)
    make_task("failed", queue="mail")
    regions = admin_client.get(live, {"page": f"{url}?queue=mail"}).json()["regions"]
    assert "failed <b>7</b>" in regions["when"]
    assert '<span class="n">2</span>' in regions["facets"]


def test_a_list_stays_live_before_the_first_task_and_after_the_last(admin_client):
    url, live = reverse("dashboard:tasks"), reverse("dashboard:live")
    assert 'id="newbar"' in admin_client.get(url).content.decode()
    told = admin_client.get(live, {"page": url, "list": url, "first": 0}).json()
    assert "No task has run yet" in told["regions"]["when"]
    make_task()
    told = admin_client.get(live, {"page": url, "list": url, "first": 0}).json()
    assert (told["newer"], told["regions"]["when"]) == (1, "")


def test_a_list_that_took_too_long_once_stays_live(admin_client, monkeypatch):
    def too_slow(*args, **kwargs):
        raise TooSlow(2.0)

    make_task()
    monkeypatch.setattr("dashboard.views.tasks.facets", too_slow)
    url = reverse("dashboard:tasks")
    assert admin_client.get(url).status_code == 503
    told = admin_client.get(reverse("dashboard:live"), {"page": url})
    assert told.status_code == 200
    assert "regions" not in told.json()
