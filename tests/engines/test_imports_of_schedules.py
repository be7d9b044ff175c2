# ruff: noqa: DJ001  # columns as those packages have them
"""Schedules of django-celery-beat and django-q2 are read off tables as those packages make them, and carried over."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, models
from django.utils import timezone

from taskhub import schedules
from taskhub.models import Schedule

pytestmark = pytest.mark.django_db(transaction=True)

TICK, KEYED = "schedules.tick", "schedules.keyed"


class Foreign(models.Model):
    """Of another package: columns as its migrations leave them (django-celery-beat 2.9, django-q2 1.11)."""

    id = models.AutoField(primary_key=True)

    class Meta:
        abstract = True
        app_label = "tests_foreign"


class Interval(Foreign):
    every = models.IntegerField()
    period = models.CharField(max_length=24)

    class Meta(Foreign.Meta):
        db_table = "django_celery_beat_intervalschedule"


class Crontab(Foreign):
    minute = models.CharField(max_length=240, default="*")
    hour = models.CharField(max_length=96, default="*")
    day_of_week = models.CharField(max_length=64, default="*")
    day_of_month = models.CharField(max_length=124, default="*")
    month_of_year = models.CharField(max_length=64, default="*")
    timezone = models.CharField(max_length=63, default="UTC")

    class Meta(Foreign.Meta):
        db_table = "django_celery_beat_crontabschedule"


class Clocked(Foreign):
    clocked_time = models.DateTimeField()

    class Meta(Foreign.Meta):
        db_table = "django_celery_beat_clockedschedule"


class Periodic(Foreign):
    name = models.CharField(max_length=200, unique=True)
    task = models.CharField(max_length=200)
    args = models.TextField(default="[]")
    kwargs = models.TextField(default="{}")
    queue = models.CharField(max_length=200, null=True)
    exchange = models.CharField(max_length=200, null=True)
    routing_key = models.CharField(max_length=200, null=True)
    headers = models.TextField(default="{}")
    priority = models.PositiveIntegerField(null=True)
    expires = models.DateTimeField(null=True)
    expire_seconds = models.PositiveIntegerField(null=True)
    one_off = models.BooleanField(default=False)
    start_time = models.DateTimeField(null=True)
    enabled = models.BooleanField(default=True)
    last_run_at = models.DateTimeField(null=True)
    total_run_count = models.PositiveIntegerField(default=0)
    date_changed = models.DateTimeField(auto_now=True)
    description = models.TextField(default="")
    interval_id = models.IntegerField(null=True)
    crontab_id = models.IntegerField(null=True)
    clocked_id = models.IntegerField(null=True)
    solar_id = models.IntegerField(null=True)

    class Meta(Foreign.Meta):
        db_table = "django_celery_beat_periodictask"


class DjangoQ(Foreign):
    func = models.CharField(max_length=256)
    hook = models.CharField(max_length=256, null=True)
    args = models.TextField(null=True)
    kwargs = models.TextField(null=True)
    repeats = models.IntegerField(default=-1)
    next_run = models.DateTimeField(null=True)
    task = models.CharField(max_length=100, null=True)
    name = models.CharField(max_length=100, null=True)
    minutes = models.PositiveSmallIntegerField(null=True)
    cron = models.CharField(max_length=100, null=True)
    cluster = models.CharField(max_length=100, null=True)
    schedule_type = models.CharField(max_length=2)
    intended_date_kwarg = models.CharField(max_length=100, null=True)

    class Meta(Foreign.Meta):
        db_table = "django_q_schedule"


TABLES = [Interval, Crontab, Clocked, Periodic, DjangoQ]


@pytest.fixture
def _foreign_tables(transactional_db):
    Schedule.objects.all().delete()
    with connection.schema_editor() as editor:
        for model in TABLES:
            editor.create_model(model)
    yield
    with connection.schema_editor() as editor:
        for model in TABLES:
            editor.delete_model(model)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("taskhub_import_schedules", *arguments, stdout=out)
    return out.getvalue()


def beat(name: str, task: str = TICK, **columns) -> None:
    Periodic.objects.create(name=name, task=task, **columns)


def q(name: str, kind: str, func: str = TICK, **columns) -> None:
    values = {"next_run": at_noon(), **columns}
    DjangoQ.objects.create(name=name, func=func, schedule_type=kind, **values)


def at_noon() -> datetime:
    """Noon of the 15th of a May to come."""
    return datetime(timezone.now().year + 1, 5, 15, 12, 30, tzinfo=UTC)


def made(name: str) -> Schedule:
    return schedules.get(name)


@pytest.mark.usefixtures("_foreign_tables")
def test_nothing_is_written_without_apply():
    beat("every ten minutes", interval_id=Interval.objects.create(every=10, period="minutes").pk)
    told = run()
    assert "- django-celery-beat: every ten minutes: schedules.tick, Every 10 minutes (UTC)" in told
    assert "1 of 1 schedules can be carried over; --apply does it." in told
    assert not Schedule.objects.exists()


def test_where_neither_package_has_been_there_is_nothing_to_tell():
    assert run() == "0 of 0 schedules can be carried over; --apply does it.\n"


@pytest.mark.usefixtures("_foreign_tables")
def test_periodic_tasks_of_celery_beat_become_schedules():
    ten = Interval.objects.create(every=10, period="minutes").pk
    night = Crontab.objects.create(
        minute="30", hour="2", day_of_week="mon,fri", timezone="Europe/Berlin"
    ).pk
    soon = Clocked.objects.create(clocked_time=at_noon()).pk
    end = timezone.now().replace(microsecond=0) + timedelta(days=300)
    beat("interval", interval_id=ten, kwargs='{"label": "x"}', queue="mail", expire_seconds=30)
    beat("cron", crontab_id=night, expires=end, enabled=False)
    beat("clocked", KEYED, clocked_id=soon, one_off=True, args="[5]")
    told = run("--apply")
    assert "3 of 3 schedules carried over." in told
    assert "Stop the other scheduler" in told
    interval, cron, clocked = made("interval"), made("cron"), made("clocked")
    assert (interval.every, interval.kwargs) == (600, {"label": "x"})
    assert interval.options == {"queue_name": "mail", "expires": 30.0}
    assert (cron.cron, cron.timezone) == ("30 2 * * mon,fri", "Europe/Berlin")
    assert (cron.enabled, cron.end_at) == (False, end)
    assert (clocked.at, clocked.args, clocked.next_due_at) == (at_noon(), [5], at_noon())


@pytest.mark.usefixtures("_foreign_tables")
def test_what_celery_beat_cannot_hand_over_is_told_and_why():
    ten = Interval.objects.create(every=10, period="minutes").pk
    both = Crontab.objects.create(minute="0", hour="0", day_of_month="13", day_of_week="fri").pk
    past = Clocked.objects.create(clocked_time=timezone.now() - timedelta(days=1)).pk
    beat("unknown", "shop.send", interval_id=ten)
    beat("solar", solar_id=1)
    beat("friday the 13th", crontab_id=both)
    beat("fast", interval_id=Interval.objects.create(every=500, period="microseconds").pk)
    beat("past", clocked_id=past)
    beat("one off", interval_id=ten, one_off=True)
    beat("celery.backend_cleanup", "celery.backend_cleanup", crontab_id=both)
    beat("damaged", interval_id=ten, args="[1,")
    beat("wrong arguments", interval_id=ten, kwargs='{"nobody": 1}')
    beat("noted", interval_id=ten, priority=3, headers='{"a": 1}', exchange="x")
    told = run("--apply")
    for name, reason in [
        ("unknown", "no task of this name is known"),
        ("solar", "follows the sun"),
        ("friday the 13th", "Celery wants both, cron either"),
        ("fast", "the shortest interval is a second"),
        ("past", "its time is over"),
        ("one off", "one_off"),
        ("celery.backend_cleanup", "prunes by itself"),
        ("damaged", "are not JSON"),
        ("wrong arguments", "do not fit schedules.tick"),
    ]:
        (line,) = [one for one in told.splitlines() if f"beat: {name}: " in one]
        assert "NOT carried over" in line
        assert reason in line
    assert "priority=3 is left behind" in told
    assert "its headers are left behind" in told
    assert [row.name for row in Schedule.objects.all()] == ["noted"]
    assert "0 of 10 schedules carried over." in run("--apply"), "it is here already"


@pytest.mark.usefixtures("_foreign_tables")
def test_schedules_of_django_q_become_schedules():
    for name, kind, more in [
        ("once", "O", {}),
        ("minutes", "I", {"minutes": 5}),
        ("hourly", "H", {}),
        ("daily", "D", {}),
        ("weekly", "W", {}),
        ("biweekly", "BW", {}),
        ("monthly", "M", {}),
        ("bimonthly", "BM", {}),
        ("quarterly", "Q", {}),
        ("yearly", "Y", {}),
        ("cron", "C", {"cron": "*/5 * * * *"}),
        ("three times", "H", {"repeats": 3}),
    ]:
        q(name, kind, **more)
    q("tuple", "D", KEYED, args="(5,)")
    q("bare", "D", KEYED, args="5")
    q("keywords", "D", kwargs="label='x'")
    q("dict", "D", kwargs="{'label': 'x', 'q_options': {'timeout': 3}}", hook="a.b")
    told = run("--apply")
    assert "16 of 16 schedules carried over." in told
    assert "hook='a.b' is left behind" in told
    assert "q_options are left behind" in told
    start = at_noon()
    weekday = start.isoweekday() % 7
    crons = {row.name: row.cron for row in Schedule.objects.exclude(cron="")}
    assert crons | {"tuple": "", "bare": "", "keywords": "", "dict": ""} == {
        "daily": "30 12 * * *", "weekly": f"30 12 * * {weekday}", "monthly": "30 12 15 * *",
        "bimonthly": "30 12 15 1,3,5,7,9,11 *", "quarterly": "30 12 15 2,5,8,11 *", "yearly": "30 12 15 5 *",
        "cron": "*/5 * * * *", "tuple": "", "bare": "", "keywords": "", "dict": "",
    }  # fmt: skip
    assert (made("minutes").every, made("minutes").next_due_at) == (300, start)
    assert (made("hourly").every, made("biweekly").every) == (3600, 14 * 86_400)
    assert (made("once").at, made("three times").end_at) == (start, start + timedelta(hours=2))
    assert (made("tuple").args, made("bare").args) == ([5], [5])
    assert made("keywords").kwargs == made("dict").kwargs == {"label": "x"}


@pytest.mark.usefixtures("_foreign_tables")
def test_what_django_q_cannot_hand_over_is_told_and_why():
    q("ended", "H", repeats=0)
    q("the 31st", "M", next_run=at_noon().replace(day=31))
    q("damaged", "D", args="1, import os")
    q("no time", "D", next_run=None)
    q("odd", "X")
    told = run()
    for name, reason in [
        ("ended", "has run as often as it was to"),
        ("the 31st", "which some months do not have"),
        ("damaged", "cannot be read"),
        ("no time", "has no next run"),
        ("odd", "type 'X' is not known"),
    ]:
        (line,) = [one for one in told.splitlines() if f"q2: {name}: " in one]
        assert reason in line


DEEP = "[" * 100_000


@pytest.mark.usefixtures("_foreign_tables")
def test_rows_of_celery_beat_that_are_damaged_are_told_one_by_one_and_the_others_go_on():
    ten = Interval.objects.create(every=10, period="minutes").pk
    beat("no interval", interval_id=999)
    beat("no crontab", crontab_id=999)
    beat("no clocked", clocked_id=999)
    beat("before all times", interval_id=ten, start_time=datetime(1, 1, 2, tzinfo=UTC))
    beat("deep", interval_id=ten, args=DEEP)
    beat("digits", interval_id=ten, kwargs='{"label": ' + "1" * 5000 + "}")
    beat("surrogate", interval_id=ten, kwargs='{"label": "\\ud800"}')
    beat("good", interval_id=ten)
    told = run("--apply")
    assert "1 of 8 schedules carried over." in told
    for name, reason in [
        ("no interval", "there is no interval #999"),
        ("no crontab", "there is no crontab #999"),
        ("no clocked", "there is no clocked #999"),
        ("before all times", "expected a time of the years 1900 to 9998"),
        ("deep", "its args are not JSON"),
        ("digits", "its kwargs are not JSON"),
        ("surrogate", "a lone surrogate"),
    ]:
        (line,) = [one for one in told.splitlines() if f"beat: {name}: " in one]
        assert "NOT carried over" in line
        assert reason in line


@pytest.mark.usefixtures("_foreign_tables")
def test_rows_of_django_q_that_are_damaged_are_told_one_by_one_and_the_others_go_on():
    q("set", "D", kwargs="{1, 2}")
    q("list", "D", kwargs="['x']")
    q("stars", "D", kwargs="**{'label': 'x'}")
    q("a set inside", "D", kwargs="{'label': {1}}")
    q("no text as a key", "D", kwargs="{1: 2}")
    q("deep", "D", args=DEEP)
    q("deep too", "D", kwargs=f"label={DEEP}")
    q("too often", "C", cron="0 0 * * *", repeats=2_000_000_000)
    q("before all times", "H", next_run=datetime(1, 1, 2, tzinfo=UTC))
    q("good", "D", args="b'x'")
    q("for ages", "I", minutes=5, repeats=2_000_000_000)
    q("twice", "D")
    q("twice", "D")
    dry, told = run(), run("--apply")
    assert "3 of 13 schedules can be carried over" in dry
    assert "3 of 13 schedules carried over." in told
    for name, reason in [
        ("set", "its kwargs cannot be read"),
        ("list", "its kwargs cannot be read"),
        ("stars", "its kwargs cannot be read"),
        ("a set inside", "not JSON-serializable"),
        ("no text as a key", "JSON keys are strings"),
        ("deep", "cannot be read"),
        ("deep too", "its kwargs cannot be read"),
        ("too often", "no more than 10000 are counted out"),
        ("before all times", "expected a time of the years"),
        ("twice", "another of them has this name"),
    ]:
        line = [one for one in told.splitlines() if f"q2: {name}: " in one][-1]
        assert "NOT carried over" in line
        assert reason in line
    assert (made("good").args, made("for ages").end_at) == (["x"], None)


@pytest.mark.usefixtures("_foreign_tables")
def test_they_may_be_carried_over_disabled():
    beat("pulse", interval_id=Interval.objects.create(every=1, period="hours").pk)
    run("--apply", "--disabled")
    assert (made("pulse").enabled, made("pulse").disabled_by) == (False, "person")
