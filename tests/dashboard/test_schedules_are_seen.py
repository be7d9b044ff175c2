"""The page of schedules: what is due, what became of it, and its three buttons."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from dashboard import timetable
from dashboard.timetable import SHOWN, bars
from taskhub import schedules
from taskhub.models import AuditEntry, Decision, Schedule, ScheduleRun, Task
from taskhub.schedules import Run
from tests.app import tasks

pytestmark = pytest.mark.django_db


@pytest.fixture
def nightly():
    return schedules.add_cron("nightly", tasks.add.s(1), "0 3 * * *", timezone="Europe/Berlin")


def page(client):
    response = client.get(reverse("dashboard:schedules"))
    assert response.status_code == 200
    return response.content.decode()


def test_it_says_in_words_when_a_schedule_is_due_and_in_whose_zone(operator, nightly):
    text = page(operator)
    assert "nightly" in text
    assert nightly.timing.words in text
    assert "Europe/Berlin" in text
    assert "never" in text


def test_without_schedules_it_says_how_to_begin(operator):
    Schedule.objects.all().delete()  # those that code declares
    assert "Nothing runs by the clock" in page(operator)


def test_a_schedule_that_nobody_fires_is_raised_there_and_on_the_overview(operator, nightly):
    due = timezone.now() - timedelta(minutes=25)
    Schedule.objects.update(next_due_at=due)
    assert "25 min late" in page(operator)
    overview = operator.get(reverse("dashboard:overview")).content.decode()
    assert "is 25 min late" in overview
    assert reverse("dashboard:schedules") in overview


def test_a_missed_time_is_raised_on_the_overview(operator, nightly):
    at = timezone.now() - timedelta(minutes=5)
    ScheduleRun.objects.create(
        schedule=nightly,
        due_at=at,
        decided_at=at,
        decision=Decision.MISSED,
        reason="asleep <all> night",
    )
    overview = operator.get(reverse("dashboard:overview")).content.decode()
    assert "was missed" in overview
    assert "asleep &lt;all&gt; night" in overview


def test_a_run_that_came_hours_late_is_raised_on_the_overview_however_long_ago_it_was_due(
    operator, nightly
):
    due = timezone.now() - timedelta(hours=6)
    run = ScheduleRun(schedule=nightly, due_at=due, decided_at=due + timedelta(seconds=2))
    run.decision, run.reason = Decision.ENQUEUED, "made up for <at last>"
    run.save()
    overview = reverse("dashboard:overview")
    assert "made up for" not in operator.get(overview).content.decode(), "it was on time"
    ScheduleRun.objects.update(decided_at=timezone.now() - timedelta(minutes=5))
    text = operator.get(overview).content.decode()
    assert "was 5 h 55 min late" in text
    assert "made up for &lt;at last&gt;" in text
    assert "made up for &lt;at last&gt;" in page(operator), "and beside its mark in the list"


def test_many_schedules_stand_on_pages_those_that_are_late_first(operator, monkeypatch):
    monkeypatch.setattr(timetable, "SIZE", 2)
    Schedule.objects.all().delete()
    for name in "abcde":
        schedules.add_cron(name, tasks.add.s(1), "0 3 * * *")
    Schedule.objects.filter(name="e").update(next_due_at=timezone.now() - timedelta(minutes=25))
    shown = []
    for number in ("", "2", "3", "99", "x"):
        context = operator.get(reverse("dashboard:schedules"), {"page": number}).context
        shown.append([line.schedule.name for line in context["lines"]])
    assert shown == [["e", "a"], ["b", "c"], ["d"], ["d"], ["e", "a"]]
    assert "?page=2" in page(operator)
    assert "5 · 1 late" in page(operator)


def test_each_schedule_has_its_own_last_runs_newest_first(nightly):
    other = schedules.add_cron("other", tasks.add.s(1), "0 4 * * *")
    now = timezone.now()
    for one, hours in ((nightly, (3, 1, 2)), (other, (5,))):
        for hour in hours:
            at = now - timedelta(hours=hour)
            done = Decision.MISSED
            ScheduleRun.objects.create(schedule=one, due_at=at, decided_at=at, decision=done)
    found = schedules.histories([nightly, other], limit=2)
    ages = {
        pk: [round((now - run.due_at) / timedelta(hours=1)) for run in runs]
        for pk, runs in found.items()
    }
    assert ages == {nightly.pk: [1, 2], other.pk: [5]}


def test_enabling_disabling_and_running_reach_the_schedule_and_the_audit_log(operator, nightly):
    for verb in ("disable", "enable", "run"):
        url = reverse(f"dashboard:{verb}_schedule", args=[nightly.pk])
        assert operator.post(url, {"reason": "holiday"}).status_code == 302
        nightly.refresh_from_db()
        assert nightly.enabled is (verb != "disable")
    assert Task.objects.get().name == nightly.task
    done = AuditEntry.objects.order_by("pk").values_list("action", "target", "count", "reason")
    assert list(done) == [
        (f"{verb} schedule", "nightly", 1, "holiday") for verb in ("disable", "enable", "run")
    ]
    assert "Queued" in page(operator)


def test_a_schedule_without_its_code_here_is_run_by_a_worker(operator, nightly, no_task_code):
    operator.post(reverse("dashboard:run_schedule", args=[nightly.pk]))
    nightly.refresh_from_db()
    assert nightly.requested_at is not None
    assert not Task.objects.exists()


def test_a_schedule_that_is_gone_is_not_found(operator):
    assert operator.post(reverse("dashboard:run_schedule", args=[7])).status_code == 404


def test_the_newest_run_stands_at_the_right_and_the_longest_fills_the_height():
    now = timezone.now()
    runs = [
        Run(
            now - timedelta(hours=index),
            Decision.ENQUEUED,
            "",
            False,
            0.1,
            index,
            "succeeded",
            1.0,
            seconds,
        )
        for index, seconds in enumerate((4.0, 1.0))
    ]
    old, new = bars(runs)
    assert (new.x, new.y, new.height, new.look) == (4 * (SHOWN - 1), "0.0", "20.0", "succeeded")
    assert old.x < new.x
    assert float(old.height) < float(new.height)


def test_a_time_that_was_left_out_is_drawn_as_a_gap_with_its_reason():
    (bar,) = bars([Run(timezone.now(), Decision.OVERLAPPED, "the last one runs", False, 0.0)])
    assert (bar.look, bar.told) == ("miss", "the last one runs")
