"""When a schedule is due, without a database: anchors, limits, and looking back over a long sleep."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from taskhub.errors import ScheduleError
from taskhub.timing import LONGEST, Kind, Timing

START = datetime(2027, 6, 1, 12, 0, 7, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def every(seconds: int, **more: object) -> Timing:
    return Timing(kind=Kind.INTERVAL, every=seconds, anchor_at=START, **more)


def test_an_interval_does_not_drift_whenever_somebody_looks():
    assert [*islice(every(60).after(at(0)), 2)] == [at(60), at(120)]
    assert every(60).next(at(59.999)) == at(60)
    assert every(60).next(at(60)) == at(120)
    assert every(7).next(at(7 * 10**6 + 3)) == at(7 * 10**6 + 7)


def test_nothing_is_due_before_the_start_or_after_the_end():
    limited = every(60, start_at=at(90), end_at=at(210))
    assert [*limited.after(at(-1000))] == [at(90), at(150), at(210)]
    assert limited.next(at(210)) is None
    daily = Timing(kind=Kind.CRON, cron="@daily", start_at=at(86_400), end_at=at(3 * 86_400))
    assert [run.day for run in daily.after(START)] == [3, 4]


def test_once_is_once():
    once = Timing(kind=Kind.ONCE, at=at(5))
    assert [*once.after(START)] == [at(5)]
    assert once.next(at(5)) is None


@pytest.mark.parametrize("timing", [every(1), Timing(kind=Kind.CRON, cron="* * * * * *")])
def test_a_year_of_missed_seconds_costs_no_more_than_the_newest_of_them(timing):
    now = at(366 * 86_400)
    found, is_all = timing.newest(at(1), now, 50)
    assert (found, is_all) == ([now - timedelta(seconds=n) for n in range(49, -1, -1)], False)


def test_looking_back_gives_both_ends_and_knows_when_that_is_all():
    assert every(60).newest(at(60), at(300), 10) == ([at(60 * n) for n in range(1, 6)], True)
    assert every(60).newest(at(60), at(300), 5) == ([at(60 * n) for n in range(1, 6)], True)
    assert every(60).newest(at(60), at(300), 4) == ([at(60 * n) for n in range(2, 6)], False)
    assert every(60).newest(at(61), at(119), 4) == ([], True)
    yearly = Timing(kind=Kind.CRON, cron="@yearly")
    assert [run.year for run in yearly.newest(START, at(5 * 366 * 86_400), 3)[0]] == [
        2030,
        2031,
        2032,
    ]


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"kind": Kind.INTERVAL, "every": 0}, "every=0: expected a whole number of seconds"),
        ({"kind": Kind.INTERVAL, "every": -5}, "every=-5"),
        ({"kind": Kind.INTERVAL, "every": None}, "every=None"),
        ({"kind": Kind.INTERVAL, "every": 0.5}, "every=0.5"),
        ({"kind": Kind.INTERVAL, "every": True}, "every=True"),
        ({"kind": Kind.INTERVAL, "every": LONGEST + 1}, "ten years"),
        ({"kind": Kind.ONCE}, "needs an aware datetime"),
        ({"kind": Kind.ONCE, "at": START.replace(tzinfo=None)}, r"at=.*expected an aware"),
        ({"kind": Kind.CRON, "cron": "0 0 30 2 *"}, "never comes true"),
        ({"kind": Kind.CRON, "cron": "@daily", "timezone": "Mars/Base"}, "not a time zone"),
        ({"kind": Kind.CRON, "cron": "@daily", "start_at": at(5), "end_at": at(1)}, "lies before"),
    ],
)
def test_what_cannot_be_kept_is_refused(columns, problem):
    with pytest.raises(ScheduleError, match=problem):
        Timing(**columns).check()


@pytest.mark.parametrize(
    ("timing", "words"),
    [
        (every(1), "Every second"),
        (every(90), "Every 90 seconds"),
        (every(3600), "Every hour"),
        (every(14 * 86_400), "Every 2 weeks"),
        (Timing(kind=Kind.CRON, cron="0 3 * * *"), "At 03:00"),
        (
            Timing(kind=Kind.ONCE, at=START, timezone="Europe/Berlin"),
            "Once, on 2027-06-01 at 14:00:07",
        ),
    ],
)
def test_times_in_words(timing, words):
    assert timing.words == words
