"""Cron expressions: what is read, what is refused and in which words, and what they mean in English."""

import time
from datetime import UTC, datetime
from itertools import islice

import pytest

from taskhub import cron
from taskhub.errors import ScheduleError
from taskhub.zones import changes, zone_of

NOON = datetime(2027, 6, 1, 12, tzinfo=UTC)


def first(text: str, count: int = 2, after: datetime = NOON) -> list[str]:
    runs = islice(cron.parse(text).after(after, zone_of("UTC")), count)
    return [f"{run:%m-%d %H:%M:%S}" for run in runs]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/5 * * * *", ["06-01 12:05:00", "06-01 12:10:00"]),
        ("*/20 * * * * *", ["06-01 12:00:20", "06-01 12:00:40"]),
        ("30 0 0 * * *", ["06-02 00:00:30", "06-03 00:00:30"]),
        ("0 8 * jul sun", ["07-04 08:00:00", "07-11 08:00:00"]),
        ("0 8 * JUL Sun", ["07-04 08:00:00", "07-11 08:00:00"]),
        ("0 0 * * 7", ["06-06 00:00:00", "06-13 00:00:00"]),
        ("0 0 1,15 * *", ["06-15 00:00:00", "07-01 00:00:00"]),
        ("0 0 13 * fri", ["06-04 00:00:00", "06-11 00:00:00"]),
        ("0 0 */1 * fri", ["06-04 00:00:00", "06-11 00:00:00"]),
        ("0 0 */1,5 * fri", ["06-04 00:00:00", "06-11 00:00:00"]),
        ("0 0 13 * */1", ["06-13 00:00:00", "07-13 00:00:00"]),
        ("0 0 l * fri", ["06-04 00:00:00", "06-11 00:00:00"]),
        ("0 0 l * *", ["06-30 00:00:00", "07-31 00:00:00"]),
        ("0 0 * * mon#1", ["06-07 00:00:00", "07-05 00:00:00"]),
        ("0 0 29 2 *", ["02-29 00:00:00", "02-29 00:00:00"]),
        ("@hourly", ["06-01 13:00:00", "06-01 14:00:00"]),
        ("@daily", ["06-02 00:00:00", "06-03 00:00:00"]),
        ("@Midnight", ["06-02 00:00:00", "06-03 00:00:00"]),
        ("@weekly", ["06-06 00:00:00", "06-13 00:00:00"]),
        ("@monthly", ["07-01 00:00:00", "08-01 00:00:00"]),
        ("@yearly", ["01-01 00:00:00", "01-01 00:00:00"]),
        ("  0   3 * * *  ", ["06-02 03:00:00", "06-03 03:00:00"]),
    ],
)
def test_what_is_read(text, expected):
    assert first(text) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has 0 fields"),
        ("* * * *", "has 4 fields"),
        ("0 0 1 1 * 2027 *", "has 7 fields"),
        ("0 24 * * *", "out of range"),
        ("60 * * * *", "out of range"),
        ("0 0 0 * *", "names a day or month 0"),
        ("0 0 * 0-3 *", "names a day or month 0"),
        ("a b c d e", "cannot be read"),
        ("*/0 * * * *", "cannot be read"),
        ("0 0 30 2 *", "never comes true"),
        ("0 0 31 4,6,9,11 *", "never comes true"),
        ("0 0 13 * l5", "a day of the month .13. and a weekday .l5.*make two schedules"),
        ("0 0 10 * mon#1", "make two schedules"),
        ("0 0 L * L5", "make two schedules"),
        ("0 0 15W * fri", "make two schedules"),
        ("*/100 * * * *", "too long a step in '\\*/100': the field of the minute has 60"),
        ("*/61 * * * * *", "the field of the second has 60"),
        ("0 */30 * * *", "the field of the hour has 24"),
        ("0 0 1,2-9/32 * *", "the field of the day of the month has 31"),
        ("0 0 * 1/13 *", "the field of the month has 12"),
        ("0 0 * * */8", "the field of the weekday has 7"),
        ("R * * * *", "leaves a field to chance"),
        ("H H(0-7) * * *", "leaves a field to chance"),
        ("@reboot", "no shorthand; expected one of @yearly"),
        ("0 0 * * ｍｏｎ", "not plain text"),
        ("0 " * 200, "too long"),
    ],
)
def test_what_is_refused_says_why_and_what_was_expected(text, problem):
    with pytest.raises(ScheduleError, match=problem) as caught:
        cron.parse(text)
    assert "cron expression" in str(caught.value)


def test_an_impossible_expression_is_found_out_quickly():
    began = time.monotonic()
    with pytest.raises(ScheduleError):
        cron.parse("*/7 * 30 2 *")
    assert time.monotonic() - began < 5


def test_a_time_that_has_come_is_not_given_again():
    at = datetime(2027, 6, 1, 12, 5, tzinfo=UTC)
    assert first("*/5 * * * *", 1, after=at) == ["06-01 12:10:00"]
    assert first("*/5 * * * *", 1, after=at.replace(minute=4, second=59, microsecond=999_999)) == [
        "06-01 12:05:00"
    ]
    assert first("*/5 * * * *", 1, after=at.replace(microsecond=1)) == ["06-01 12:10:00"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("*/5 * * * *", "Every 5 minutes"),
        ("@daily", "At 00:00"),
        ("30 2 * * mon-fri", "At 02:30, Monday through Friday"),
        ("0 0 12 ? * 5", "At 12:00, only on Friday"),
        ("0 */6 * * *", "Every 6 hours"),
        ("0 */24 * * *", "Every 24 hours"),
        ("0 0 */1 * fri", "At 00:00, only on Friday"),
        ("0 0 13 * */1", "At 00:00, on day 13 of the month"),
        ("0 0 13 * fri", "At 00:00, on day 13 of the month, or on Friday"),
        (
            "0 0 13 * mon-fri",
            "At 00:00, on day 13 of the month; or at 00:00, Monday through Friday",
        ),
        ("0 0 * * fri-tue/2", "At 00:00, only on Sunday, Tuesday, and Friday"),
        ("0 0 * * L5", "At 00:00, on the last Friday of the month"),
        ("0 0 * * mon#1,mon#3", "0 0 * * mon#1,mon#3"),
    ],
)
def test_an_expression_in_words(text, words):
    assert cron.parse(text).words == words


@pytest.mark.parametrize(
    ("text", "nights"),
    [
        ("30 2 * * *", ["2027-03-28", "2027-10-31"]),
        ("0 3 * * *", []),
        ("0 * * * *", ["2027-03-28", "2027-10-31"]),
        ("30 2 1 * *", []),
    ],
)
def test_an_expression_knows_which_changes_of_the_clock_concern_it(text, nights):
    since, until = (datetime(year, 1, 1, tzinfo=UTC) for year in (2027, 2028))
    found = changes(zone_of("Europe/Berlin"), since, until)
    touching = [change for change in found if cron.parse(text).is_touched_by(change)]
    assert [f"{change.before:%Y-%m-%d}" for change in touching] == nights


def test_an_unknown_zone_is_named_with_what_may_have_been_meant():
    with pytest.raises(ScheduleError, match=r"'Europe/Berlim' is not a time zone.*Europe/Berlin"):
        zone_of("Europe/Berlim")
    for name in ("", "../etc/passwd", "Europe", "CE ST"):
        with pytest.raises(ScheduleError, match="not a time zone"):
            zone_of(name)
